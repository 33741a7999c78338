"""Heads of audit logs in an S3 bucket: each an object of its own that is written once and never replaced.

Who gets into the host can put nothing in the place of one that is there, where the policy allows no more than
`head_rights.py` says; Object Lock on the bucket keeps them from whoever may delete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bot.aws import failures
from bot.aws.clients import Clients
from bot.core.environments import Account
from bot.core.errors import AwsError

NEAR = 10_000
"""Rows of a log within which its newest head is looked for before the whole bucket is listed."""
NEWEST = 3
TAKEN = "PreconditionFailed"
OTHER_HEAD = "OtherHead"


class HeadBucket:
    """The heads under `url`, "s3://bucket/prefix". Every method raises AwsError. One thread at a time may use it.

    A *line* of a ledger is its history up to the next restore that was accepted: "" is the first. Each line has a
    folder of its own, because rows are counted on from an older one after a restore.
    """

    def __init__(self, url: str, *, region: str) -> None:
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        self.url = url
        self._bucket = bucket
        self._root = f"{prefix.strip('/')}/heads/".lstrip("/")
        self._region = region
        self._clients = Clients(connections=1)

    def put(self, ledger: str, line: str, seq: int, content: bytes) -> None:
        """Keep a head. Raises AwsError, too, when another one is there in its place: two logs go by one name."""
        key = f"{self._folder(ledger, line)}{seq:012d}"
        try:
            self._call("PutObject", Key=key, Body=content, IfNoneMatch="*")
        except AwsError as error:
            if error.code != TAKEN:
                raise
            if self._get(key) != content:
                raise AwsError(
                    f"Another head than ours is kept as s3://{self._bucket}/{key}.",
                    code=OTHER_HEAD,
                    hint="Somebody went on with a copy of this ledger, or history was rewritten: see docs/security.md.",
                ) from None

    def newest(self, ledger: str, *, near: int) -> tuple[bytes, ...]:
        """The newest heads of every line of a ledger whose log has about `near` rows."""
        found: list[bytes] = []
        for folder in self._folders(ledger):
            after = f"{folder}{max(0, near - NEAR):012d}"
            keys = self._keys(folder, after) or self._keys(folder, folder)
            found += [self._get(key) for key in keys[-NEWEST:]]
        return tuple(found)

    def close(self) -> None:
        """Give the connections back."""
        self._clients.close()

    def _folder(self, ledger: str, line: str) -> str:
        return f"{self._root}{ledger}{'.' if line else ''}{line}/"

    def _folders(self, ledger: str) -> list[str]:
        pages = self._pages(Prefix=f"{self._root}{ledger}", Delimiter="/")
        return [str(one["Prefix"]) for page in pages for one in page.get("CommonPrefixes") or ()]

    def _keys(self, folder: str, after: str) -> list[str]:
        pages = self._pages(Prefix=folder, StartAfter=after)
        return sorted(str(one["Key"]) for page in pages for one in page.get("Contents") or ())

    def _pages(self, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        token: Mapping[str, Any] = {}
        while True:
            page = self._call("ListObjectsV2", **arguments, **token)
            yield page
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _get(self, key: str) -> bytes:
        with self._told("GetObject"):
            answer = self._call("GetObject", Key=key)
            return bytes(answer["Body"].read())

    def _call(self, operation: str, **arguments: Any) -> Mapping[str, Any]:
        from botocore import xform_name

        with self._told(operation):
            client = self._clients.client(Account(), self._region, "s3")
            found: Mapping[str, Any] = getattr(client, xform_name(operation))(
                Bucket=self._bucket, **arguments
            )
            return found

    @contextmanager
    def _told(self, operation: str) -> Iterator[None]:
        try:
            yield
        except AwsError:
            raise
        except Exception as error:
            told = failures.explain(
                error, service="s3", operation=operation, account=Account(), region=self._region
            )
            if told is None:
                raise
            raise told from error
