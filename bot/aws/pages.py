"""Follows a chain of pages to its end, and never round in circles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bot.aws.calls import REPEATED_TOKEN, Call, Steps
from bot.core.errors import AwsError

MOST_PAGES = 5000  # 5,000,000 nodes: beyond that it is no fleet but a server that never ends
EXPIRED_TOKEN = frozenset({"InvalidNextToken", "InvalidNextTokenException"})


def pages(
    first: Call, members: str, each: Callable[[list[Mapping[str, Any]]], None]
) -> Steps[None]:
    """Call, and call again while AWS gives a token; `each` gets the `members` of every page.

    A page may be empty and carry a token; an empty token is the end. When AWS takes its own token no more, the list is
    begun once again: `each` may then get a row twice. Raises AwsError, also when a token comes twice.
    """
    call, seen, begun_again = first, set[str](), False
    while True:
        try:
            answer = yield call
        except AwsError as error:
            if call is first or begun_again or error.code not in EXPIRED_TOKEN:
                raise
            call, seen, begun_again = first, set(), True
            continue
        each(answer.get(members) or [])
        token = answer.get("NextToken") or ""
        if not token:
            return
        if token in seen or len(seen) >= MOST_PAGES:
            what = "gave the same page token twice" if token in seen else "never ends"
            raise AwsError(
                f"The list of {first.service}:{first.operation} {what}; it was given up.",
                code=REPEATED_TOKEN,
                operation=f"{first.service}:{first.operation}",
                hint="Try again; if it stays so, tell AWS support, or check AWS_ENDPOINT_URL.",
            )
        seen.add(token)
        call = replace(first, arguments={**first.arguments, "NextToken": token})
