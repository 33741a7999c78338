"""Slack's Web API as far as patchbot needs it. Every failure is a SlackError with Slack's own error name as code."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import (
    ConnectionErrorRetryHandler,
    HttpRequest,
    HttpResponse,
    RateLimitErrorRetryHandler,
    RetryHandler,
    RetryState,
)
from slack_sdk.http_retry.builtin_handlers import ServerErrorRetryHandler
from slack_sdk.web import SlackResponse

from bot.chatops.reply import Attachment, Block
from bot.core.errors import SlackError

SLACK: Final = "https://slack.com/api/"
NO_ANSWER: Final = "no_answer"
"""The code of a SlackError when nobody knows whether Slack did what it was asked."""
UNREADABLE: Final = "unreadable_answer"
"""The code of a SlackError when Slack's answer does not say what it has to."""

_TIMEOUT_SECONDS: Final = 10
_HURRY_SECONDS: Final = 4
_PATIENCE_SECONDS: Final = 10
_RETRIES: Final = 2
_PAGE: Final = 200
_PAGES: Final = 10
_NAME: Final = re.compile(r"[a-z][a-z_]{1,60}")
_HINTS: Final[Mapping[str, str]] = {
    "invalid_auth": "Check SLACK_BOT_TOKEN (and SLACK_APP_TOKEN), then run `patchbot doctor`.",
    "not_authed": "Set SLACK_BOT_TOKEN, then run `patchbot doctor`.",
    "account_inactive": "The app was uninstalled: install it again and set the new token.",
    "token_revoked": "The token was revoked: install the app again and set the new token.",
    "missing_scope": "Update the app from manifest.yml and install it again.",
    "not_allowed_token_type": "Use the token that starts with xoxb- as bot token, xapp- as app token.",
    "not_in_channel": "Invite patchbot to the channel: `/invite @patchbot`.",
    "channel_not_found": "Invite patchbot to the channel: `/invite @patchbot`.",
    "ratelimited": "Slack asks for patience: try again in a minute.",
    NO_ANSWER: "Try again in a minute; https://slack-status.com tells about outages.",
}


class _BriefRateLimit(RateLimitErrorRetryHandler):
    """Waits as Slack asks (429 means that nothing was done), but not so long that a worker is lost to it."""

    def _can_retry(
        self,
        *,
        state: RetryState,  # noqa: ARG002 - the SDK names them
        request: HttpRequest,  # noqa: ARG002
        response: HttpResponse | None = None,
        error: Exception | None = None,  # noqa: ARG002
    ) -> bool:
        if response is None or response.status_code != http.HTTPStatus.TOO_MANY_REQUESTS:
            return False
        headers = {name.lower(): value for name, value in response.headers.items()}
        value = headers.get("retry-after", ["1"])
        seconds = value if isinstance(value, str) else next(iter(value), "1")
        return seconds.isdecimal() and int(seconds) <= _PATIENCE_SECONDS


class SlackApi:
    """The calls we make. Reads are retried; whatever posts is not, for Slack may have done it (429 excepted)."""

    def __init__(self, token: str, *, base_url: str = SLACK) -> None:
        # The handlers count together: with fewer for one of them, a 500 after a 429 would end it.
        brief = _BriefRateLimit(_RETRIES)
        retrying = [
            brief,
            ConnectionErrorRetryHandler(_RETRIES),
            ServerErrorRetryHandler(_RETRIES),
        ]
        self._read = web_client(token, base_url=base_url, retry_handlers=retrying)
        self._post = web_client(token, base_url=base_url, retry_handlers=[brief])
        self._hurried = web_client(
            token, base_url=base_url, retry_handlers=[], timeout=_HURRY_SECONDS
        )

    def identify(self) -> SlackResponse:
        """auth.test: whose token this is; its headers name the scopes."""
        return _asked(lambda: self._read.auth_test(), "auth.test")

    def their_clock(self) -> datetime | None:
        """The time on Slack's side, to the second; None where its answer does not say. Raises SlackError."""
        headers = {name.lower(): value for name, value in self.identify().headers.items()}
        try:
            return parsedate_to_datetime(str(headers.get("date"))).astimezone(UTC)
        except ValueError:
            return None

    def user(self, user_id: str) -> Mapping[str, Any]:
        """The account as users.info tells it."""
        found = _asked(lambda: self._read.users_info(user=user_id), "users.info")["user"]
        return found if isinstance(found, dict) else {}

    def group_members(self, group_id: str) -> frozenset[str]:
        """The user ids of a user group."""
        answer = _asked(
            lambda: self._read.usergroups_users_list(usergroup=group_id), "usergroups.users.list"
        )
        return frozenset(answer.get("users") or ())

    def channel(self, channel: str) -> Mapping[str, Any]:
        """The channel as conversations.info tells it."""
        found = _asked(
            lambda: self._read.conversations_info(channel=channel), "conversations.info"
        )["channel"]
        return found if isinstance(found, dict) else {}

    def open_direct_message(self, user_id: str) -> str:
        """The id of the direct message with somebody."""
        answer = _asked(
            lambda: self._read.conversations_open(users=[user_id]), "conversations.open"
        )
        return str((answer.get("channel") or {})["id"])

    def post(self, channel: str, message: Mapping[str, Any]) -> None:
        """Post a message for everybody in the channel."""
        _asked(lambda: self._post.chat_postMessage(channel=channel, **message), "chat.postMessage")

    def post_privately(self, channel: str, user_id: str, message: Mapping[str, Any]) -> None:
        """Post a message only one member of the channel sees."""
        _asked(
            lambda: self._post.chat_postEphemeral(channel=channel, user=user_id, **message),
            "chat.postEphemeral",
        )

    def publish_home(self, user_id: str, blocks: Sequence[Block]) -> None:
        """Draw somebody's Home tab."""
        view = {"type": "home", "blocks": list(blocks)}
        _asked(lambda: self._read.views_publish(user_id=user_id, view=view), "views.publish")

    def upload(self, channel: str, file: Attachment, *, thread_ts: str = "") -> None:
        """Share a file in a channel or in a thread of it."""
        _asked(
            lambda: self._post.files_upload_v2(
                channel=channel,
                thread_ts=thread_ts or None,
                content=file.content,
                filename=file.filename,
                title=file.title,
                initial_comment=file.comment or None,
            ),
            "files.completeUploadExternal",
        )

    def upload_picture(self, name: str, content: bytes) -> str:
        """Upload a picture that is shared nowhere, for a `slack_file` in an image block; the id of the file.

        Slack looks at it for about a second before it takes the id in a message. Nothing is retried: somebody waits.
        """
        method = "files.completeUploadExternal"
        answer = _asked(
            lambda: self._hurried.files_upload_v2(content=content, filename=name, title=name),
            method,
        )
        files = answer.get("files")
        file_id = files[0].get("id") if isinstance(files, list) and files else None
        if not isinstance(file_id, str):
            raise slack_error(UNREADABLE, method=method)
        return file_id

    def open_connection(self, app_token: str) -> None:
        """Ask for a Socket Mode address, to see that the app token may."""
        _asked(
            lambda: self._read.apps_connections_open(app_token=app_token), "apps.connections.open"
        )

    def say(self, channel: str, message: Mapping[str, Any]) -> tuple[str, str]:
        """Post a message that will be drawn anew later: the channel's own id, and the message's ts."""
        answer = _asked(
            lambda: self._post.chat_postMessage(channel=channel, **message), "chat.postMessage"
        )
        return str(answer["channel"]), str(answer["ts"])

    def redraw(self, channel: str, ts: str, message: Mapping[str, Any]) -> None:
        """Draw a message of ours anew; doing it twice changes nothing."""
        _asked(lambda: self._read.chat_update(channel=channel, ts=ts, **message), "chat.update")

    def said_since(self, channel: str, oldest: float) -> Sequence[Mapping[str, Any]]:
        """The messages since then, newest first, with their metadata. Raises SlackError where they are too many."""
        said: list[Mapping[str, Any]] = []
        cursor = ""
        for _ in range(_PAGES):
            answer = self._history(channel, oldest, cursor)
            said += answer.get("messages") or ()
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return said
        raise slack_error("too_many_messages", method="conversations.history")

    def _history(self, channel: str, oldest: float, cursor: str) -> SlackResponse:
        return _asked(
            lambda: self._read.conversations_history(
                channel=channel,
                oldest=f"{oldest:.6f}",
                limit=_PAGE,
                cursor=cursor or None,
                include_all_metadata=True,
            ),
            "conversations.history",
        )

    def replies_since(
        self, channel: str, thread_ts: str, oldest: float
    ) -> Sequence[Mapping[str, Any]]:
        """The messages of a thread since then, with their metadata."""
        answer = _asked(
            lambda: self._read.conversations_replies(
                channel=channel,
                ts=thread_ts,
                oldest=f"{oldest:.6f}",
                limit=100,
                include_all_metadata=True,
            ),
            "conversations.replies",
        )
        return list(answer.get("messages") or ())

    def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> str:
        """Open a modal; the trigger is good once and for three seconds. Returns the view's id."""
        answer = _asked(
            lambda: self._post.views_open(trigger_id=trigger_id, view=dict(view)), "views.open"
        )
        return str((answer.get("view") or {})["id"])

    def fill_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Put something else into a modal that is open."""
        _asked(lambda: self._read.views_update(view_id=view_id, view=dict(view)), "views.update")


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Makes an error of every redirect: neither a token nor an answer goes anywhere Slack's own address points to."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        """Follow nothing."""


class _Client(WebClient):
    """The SDK's client sends its Authorization header along wherever a redirect leads; this one follows none."""

    def _perform_urllib_http_request_internal(
        self,
        url: str,  # noqa: ARG002 - the SDK names it; the request holds it
        req: urllib.request.Request,
    ) -> dict[str, Any]:
        handlers: list[urllib.request.BaseHandler] = [NoRedirects()]
        if self.proxy:  # without one urllib takes those of the environment, and heeds NO_PROXY
            handlers.append(urllib.request.ProxyHandler({"http": self.proxy, "https": self.proxy}))
        opener = urllib.request.build_opener(*handlers)
        with opener.open(req, timeout=self.timeout) as answer:
            charset = answer.headers.get_content_charset() or "utf-8"
            body = answer.read().decode(charset)
            return {"status": answer.status, "headers": answer.headers, "body": body}


def web_client(
    token: str | None,
    *,
    base_url: str,
    retry_handlers: list[RetryHandler],
    timeout: int = _TIMEOUT_SECONDS,
) -> WebClient:
    """A configured client. Only Slack itself is reached through the proxy of the environment."""
    client = _Client(token, base_url=base_url, timeout=timeout, retry_handlers=retry_handlers)
    if not is_slack(base_url):
        client.proxy = None
    return client


def is_slack(url: str) -> bool:
    """Whether an address is Slack's own (GovSlack has a domain of its own)."""
    host = urlsplit(url).hostname or ""
    return any(
        host == domain or host.endswith(f".{domain}") for domain in ("slack.com", "slack-gov.com")
    )


def _asked(call: Callable[[], SlackResponse], method: str) -> SlackResponse:
    """What `call` returns. Raises SlackError, whose text never holds a token or what was sent."""
    try:
        return call()
    except SlackApiError as error:
        raise slack_error(code_of(error), method=method) from error
    except (SlackClientError, OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # of an upload: the SDK leaves the connection open
        raise slack_error(NO_ANSWER, method=method) from error


def slack_error(code: str, *, method: str) -> SlackError:
    """Slack's refusal in words."""
    told = "did not answer" if code == NO_ANSWER else f"refused with “{code}”"
    return SlackError(f"Slack {told} ({method}).", code=code, hint=_HINTS.get(code, ""))


def code_of(error: SlackApiError) -> str:
    """Slack's name for it. What is no JSON (a page of a proxy, say) stands in the SDK's error in full."""
    response = error.response
    told = response.get("error") if isinstance(response, SlackResponse | dict) else None
    return told if isinstance(told, str) and _NAME.fullmatch(told) else UNREADABLE
