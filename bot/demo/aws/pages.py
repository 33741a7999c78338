"""Pages and tokens: opaque, bound to the operation and its parameters, refused when forged."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from bot.demo.aws.exceptions import InvalidNextToken
from bot.demo.aws.service_model import ssm_model

Row = TypeVar("Row")


class Pager:
    """Where a listing goes on, and how much of it fits on the page.

    Rows are ordered by a key, and a token holds the last key handed out, so a row that appears
    between two pages is met or missed by its place, as on AWS; nothing is repeated.
    """

    def __init__(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        secret: bytes,
        default_size: int,
    ) -> None:
        """Read MaxResults and NextToken. Raises InvalidNextToken for a token not given out here."""
        self._secret = secret
        self._size = int(parameters.get("MaxResults") or default_size)
        rest = {k: v for k, v in parameters.items() if k not in ("MaxResults", "NextToken")}
        self._listing = json.dumps([operation, rest], sort_keys=True).encode()
        token = parameters.get("NextToken")
        self.after = self._open(token) if token else ""

    def cut(self, rows: Iterable[tuple[str, Row]]) -> tuple[list[Row], str | None]:
        """One page of (key, row) pairs in the order of their keys, and the token of the next."""
        found = list(islice((pair for pair in rows if pair[0] > self.after), self._size + 1))
        page = found[: self._size]
        token = self._seal(page[-1][0]) if len(found) > self._size else None
        return [row for _, row in page], token

    def _mark(self, key: bytes) -> bytes:
        return hmac.new(self._secret, self._listing + b"\0" + key, hashlib.sha256).digest()[:12]

    def _seal(self, key: str) -> str:
        raw = key.encode()
        return base64.urlsafe_b64encode(self._mark(raw) + raw).decode()

    def _open(self, token: str) -> str:
        try:
            raw = base64.urlsafe_b64decode(token.encode())
        except ValueError as error:
            raise InvalidNextToken from error
        if not hmac.compare_digest(raw[:12], self._mark(raw[12:])):
            raise InvalidNextToken
        return raw[12:].decode()


def answer(member: str, rows: list[Any], token: str | None) -> dict[str, Any]:
    """A page as the operation's output; AWS leaves NextToken out on the last one."""
    return {member: rows} | ({"NextToken": token} if token else {})


@cache
def list_member(operation: str) -> str | None:
    """The member of a Systems Manager listing that holds its rows; None when it has no pages."""
    if operation not in ssm_model().operation_names:
        return None
    output = ssm_model().operation_model(operation).output_shape
    members = output.members if output is not None else {}
    if "NextToken" not in members:
        return None
    return next((str(name) for name, each in members.items() if each.type_name == "list"), None)
