"""Bolt, as a dispatcher only: it has no token, makes no call and waits for nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from slack_bolt import App, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware import Middleware
from slack_sdk.signature import SignatureVerifier

from bot.slack.api import web_client
from bot.slack.incoming import is_readable

_log: Final = structlog.get_logger("bot.slack.bolt")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The answer to one HTTP request of Slack."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def dispatch(app: App, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
    """The answer of `app` to one HTTP request of Slack."""
    try:
        request = BoltRequest(body=body.decode(), headers=dict(headers))
    except (ValueError, AttributeError, TypeError, LookupError, RecursionError) as error:
        # Signed, and yet no payload that Bolt can read (“payload=null”, a bare JSON list, brackets without end …).
        return _unreadable(type(error).__name__)
    if not is_readable(request.body):
        return _unreadable("shape")
    try:
        return _http(app.dispatch(request))
    except (AttributeError, TypeError, LookupError) as error:
        # No listener raises; what gets here was missed by Bolt in the body while it looked for one.
        return _unreadable(type(error).__name__)


def _unreadable(reason: str) -> HttpResponse:
    _log.warning("request.unreadable", reason=reason)
    return HttpResponse(400, {}, b"")


def bolt_app(signing_secrets: list[str], *, api_url: str) -> App:
    """Bolt without listeners. It takes HTTP requests that are signed with one of `signing_secrets`, none without.

    `authorize` is given so that no auth.test stands before the first ack, and so that stray SLACK_CLIENT_ID and
    SLACK_CLIENT_SECRET in the environment cannot switch on OAuth mode. Listeners that return at once make
    `process_before_response` 160 times faster than Bolt's default, which polls every 10 ms. Its name is none of our
    loggers': with every request Bolt gives the logger of that name the level of the root.
    """
    app = App(
        name="patchbot in Slack",
        client=web_client(None, base_url=api_url, retry_handlers=[]),
        authorize=_authorize,
        signing_secret=signing_secrets[0],
        request_verification_enabled=False,
        ignoring_self_events_enabled=False,
        attaching_function_token_enabled=False,
        token_verification_enabled=False,
        process_before_response=True,
        raise_error_for_unhandled_request=True,  # else Bolt logs its body
    )
    app.use(_Signed([secret for secret in signing_secrets if secret]))
    return app


def _authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
    """Who may ask is decided by `Directory`, with a reason the person gets to read."""
    return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)


class _Signed(Middleware):
    """Refuses unsigned HTTP requests. In place of Bolt's own, which takes one secret and logs what it refuses."""

    def __init__(self, secrets: list[str]) -> None:
        self._verifiers = [SignatureVerifier(secret) for secret in secrets]

    def process(
        self,
        *,
        req: BoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt names them
        next: Callable[[], BoltResponse],  # noqa: A002
    ) -> BoltResponse | None:
        if req.mode != "socket_mode" and not self._is_signed(req):
            return BoltResponse(status=401)
        next()
        return None

    def _is_signed(self, request: BoltRequest) -> bool:
        timestamp = request.headers.get("x-slack-request-timestamp", [""])[0]
        signature = request.headers.get("x-slack-signature", [""])[0]
        if not (timestamp.isascii() and timestamp.isdigit() and signature.isascii()):
            return False
        return any(
            verifier.is_valid(request.raw_body, timestamp, signature)
            for verifier in self._verifiers
        )


def _http(response: BoltResponse) -> HttpResponse:
    headers = {name: values[0] for name, values in response.headers.items() if values}
    return HttpResponse(response.status, headers, (response.body or "").encode())
