"""Answers through the response_url of a command or click: five times within 30 minutes, without a token.

The address comes in with a request, so it is only used when it is Slack's own. It is as good as a password: it never
stands in a log or in an error.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from bot.core.errors import SlackError
from bot.slack.api import NO_ANSWER, NoRedirects, is_slack, slack_error

_TIMEOUT_SECONDS: Final = 10
_MOST_BYTES: Final = 10_000
_PRINTABLE: Final = re.compile(r"[!-~]{1,2000}")
_NAME: Final = re.compile(r"[a-z][a-z_]{2,60}")
_METHOD: Final = "response_url"
NOT_SLACKS: Final = "foreign_response_url"


class ResponseUrls:
    """Posts to response_urls of one Slack: `api_url` says which."""

    def __init__(self, api_url: str) -> None:
        address = urlsplit(api_url)
        real = is_slack(api_url)
        domain = ".".join((address.hostname or "").split(".")[-2:])
        origin = f"https://hooks.{domain}" if real else f"{address.scheme}://{address.netloc}"
        self._prefix = f"{origin}/"
        # A Slack on this machine is never asked for through a proxy.
        proxies = [] if real else [urllib.request.ProxyHandler({})]
        self._opener = urllib.request.build_opener(NoRedirects, *proxies)

    def allows(self, url: str) -> bool:
        """Whether `url` is a response_url of our Slack: exactly its scheme, host and port."""
        return url.startswith(self._prefix) and bool(_PRINTABLE.fullmatch(url))

    def post(self, url: str, message: Mapping[str, Any]) -> None:
        """Send `message` once, following no redirect. Raises SlackError; code "no_answer" when it may have arrived."""
        if not self.allows(url):
            raise slack_error(NOT_SLACKS, method=_METHOD)
        request = urllib.request.Request(  # noqa: S310 - allows() settled scheme and host
            url,
            data=json.dumps(message).encode(),
            headers={"Content-Type": "application/json; charset=utf-8"},
            method="POST",
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                answer = response.read(_MOST_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read(_MOST_BYTES)) from None
        except (OSError, http.client.HTTPException):
            # The error's text may hold the address.
            raise slack_error(NO_ANSWER, method=_METHOD) from None
        if b'"ok":false' in answer.replace(b" ", b""):
            raise _refusal(http.HTTPStatus.OK, answer)


def _refusal(status: int, body: bytes) -> SlackError:
    """Slack names the reason as plain text or in JSON; anything else is only its status."""
    text = body.decode("utf-8", "replace").strip()
    try:
        told = json.loads(text)
    except ValueError:
        told = text
    name = told.get("error") if isinstance(told, dict) else told
    readable = isinstance(name, str) and _NAME.fullmatch(name)
    return slack_error(str(name) if readable else f"http_{status}", method=_METHOD)
