"""Is this request signed by Slack? Decided over the raw bytes, before anything parses them."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

TOLERANCE_SECONDS: Final = 300
_TIMESTAMP: Final = re.compile(r"[0-9]{10}")
_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")


class Refusal(StrEnum):
    """Why a request is refused."""

    HEADERS = "headers"  # missing, doubled or malformed
    STALE = "stale"  # signed too long ago, or too far ahead
    SIGNATURE = "signature"  # not signed with a secret of ours


def verify(
    body: bytes, *, timestamp: str, signature: str, secrets: Sequence[str], now: float
) -> Refusal | None:
    """None when `body` was signed with one of `secrets` within five minutes of `now`, else the reason. Never raises.

    Two secrets are good while one replaces the other. Source: Slack, “Verifying requests from Slack”.
    """
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        return Refusal.HEADERS
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return Refusal.STALE
    signed = b"v0:" + timestamp.encode() + b":" + body
    # An empty secret would let everybody sign. All are compared, so that the time taken tells nothing.
    matches = [
        hmac.compare_digest(_sign(signed, secret), signature) for secret in secrets if secret
    ]
    return None if any(matches) else Refusal.SIGNATURE


def _sign(signed: bytes, secret: str) -> str:
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
