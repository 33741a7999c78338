"""HTTP mode: payloads are POSTed to the app's request URL, signed as Slack signs them.

Source: api.slack.com, "Verifying requests from Slack".
"""

import asyncio
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from bot.demo.slack.delivery import REFUSED, TIMED_OUT, UNREACHABLE, DeliveryFailed, Envelope
from bot.demo.slack.errors import Json

_USER_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
_FORM = "application/x-www-form-urlencoded"


def sign(signing_secret: str, *, timestamp: str, body: bytes) -> str:
    """Return the X-Slack-Signature of `body` sent at `timestamp` (Unix seconds)."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(signing_secret.encode(), base, hashlib.sha256).hexdigest()


class HttpMode:
    """Posts to one request URL, for commands, interactions and events alike."""

    def __init__(self, request_url: str, *, signing_secret: str) -> None:
        self._url = urlsplit(request_url)
        self._signing_secret = signing_secret

    async def deliver(self, envelope: Envelope, *, timeout: float) -> Json:
        """POST the envelope; any answer but 200 in time is a failure."""
        content_type, body = _encode(envelope)
        # The app checks the timestamp against the real time, whatever clock the workspace runs on.
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": content_type,
            "User-Agent": _USER_AGENT,
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": sign(self._signing_secret, timestamp=timestamp, body=body),
        }
        if envelope.retry_num:
            headers["X-Slack-Retry-Num"] = str(envelope.retry_num)
            headers["X-Slack-Retry-Reason"] = envelope.retry_reason
        posting = asyncio.to_thread(self._post, body, headers, timeout)
        try:
            return await asyncio.wait_for(posting, timeout)
        except TimeoutError:
            raise DeliveryFailed(*TIMED_OUT) from None

    def _post(self, body: bytes, headers: Mapping[str, str], timeout: float) -> Json:
        kind = (
            http.client.HTTPSConnection
            if self._url.scheme == "https"
            else http.client.HTTPConnection
        )
        connection = kind(self._url.hostname or "", self._url.port, timeout=timeout)
        try:
            connection.request("POST", self._url.path or "/", body, dict(headers))
            with connection.getresponse() as response:
                if response.status != http.HTTPStatus.OK:
                    raise DeliveryFailed(*REFUSED)
                return _decode(response.getheader("Content-Type", ""), response.read())
        except TimeoutError:
            raise DeliveryFailed(*TIMED_OUT) from None
        except (OSError, http.client.HTTPException):
            raise DeliveryFailed(*UNREACHABLE) from None
        finally:
            connection.close()


def _encode(envelope: Envelope) -> tuple[str, bytes]:
    if envelope.kind == "slash_commands":
        return _FORM, urlencode(envelope.payload).encode()
    if envelope.kind == "interactive":
        return _FORM, urlencode({"payload": json.dumps(envelope.payload)}).encode()
    return "application/json", json.dumps(envelope.payload).encode()


def _decode(content_type: str, body: bytes) -> Json:
    if not body.strip():
        return {}
    text = body.decode("utf-8", errors="replace")
    if not content_type.startswith("application/json"):
        return {"text": text}
    try:
        answer = json.loads(text)
    except ValueError:
        raise DeliveryFailed(*REFUSED) from None
    return answer if isinstance(answer, dict) else {"text": str(answer)}
