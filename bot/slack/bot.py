"""The Slack side as one thing: made once, started in Socket Mode or fed with HTTP requests, stopped with a drain."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.chatops.desk import Desk
from bot.core.errors import ConfigurationError
from bot.core.rules import ChangeRules
from bot.services.doctor import Finding
from bot.slack.answering import PATIENCE_SECONDS, Answering, Count
from bot.slack.api import NO_ANSWER, SLACK, SlackApi, code_of, is_slack, slack_error, web_client
from bot.slack.audience import Audience
from bot.slack.bolt import HttpResponse, bolt_app, dispatch
from bot.slack.changes import Changes, Parts
from bot.slack.checks import check
from bot.slack.delivery import Delivery
from bot.slack.digest_poster import DigestPoster
from bot.slack.home import HomeTab
from bot.slack.identity import Directory
from bot.slack.listeners import Listeners
from bot.slack.noticeboard import Noticeboard
from bot.slack.pacing import Seconds
from bot.slack.people import LivePeople
from bot.slack.pictures import PATIENCE as PICTURE_PATIENCE_SECONDS
from bot.slack.pictures import Pictures
from bot.slack.pool import Pool
from bot.slack.response_urls import ResponseUrls

_log: Final = structlog.get_logger("bot.slack.bot")
_NOTICES: Final = 100
_PICTURES: Final = 20
_FORMS: Final = 60
_FORMS_EACH: Final = 4
_ANSWERS: Final = 1_000

Changing = Callable[[LivePeople, Callable[[], str]], Parts]


class SlackBot:
    """Takes what Slack sends and answers it. `create_slack_bot` makes one."""

    def __init__(
        self,
        app: App,
        *,
        api: SlackApi,
        directory: Directory,
        audience: Audience,
        rules: Sequence[ChangeRules],
        channels: Sequence[str],
        pools: tuple[Pool, ...],
        changes: Changes | None,
        noticeboard: Noticeboard | None,
        digests: DigestPoster | None,
        app_token: str,
        home_team: str,
        api_url: str,
    ) -> None:
        self._app = app
        self._api = api
        self._directory = directory
        self._audience = audience
        self._rules = tuple(rules)
        self._channels = tuple(channels)
        self._pools = pools
        self._changes = changes
        self._noticeboard = noticeboard
        self._digests = digests
        self._app_token = app_token
        self._home_team = home_team
        self._api_url = api_url
        self._socket: SocketModeHandler | None = None

    def start_socket_mode(self) -> None:
        """Connect to Slack and return. Raises ConfigurationError without app token, SlackError without answer."""
        if not self._app_token:
            raise ConfigurationError(
                "Socket Mode needs an app token.",
                hint="Set SLACK_APP_TOKEN (it starts with xapp-, scope connections:write), or serve in HTTP mode.",
            )
        handler = SocketModeHandler(
            self._app,
            self._app_token,
            web_client=web_client(None, base_url=self._api_url, retry_handlers=[]),
        )
        if not is_slack(self._api_url):
            handler.client.proxy = None
        try:
            handler.connect()  # type: ignore[no-untyped-call]
        except SlackApiError as error:
            handler.close()  # type: ignore[no-untyped-call]
            raise slack_error(code_of(error), method="apps.connections.open") from error
        except (SlackClientError, OSError) as error:
            handler.close()  # type: ignore[no-untyped-call]
            raise slack_error(NO_ANSWER, method="apps.connections.open") from error
        self._socket = handler
        _log.info("socket_mode.connected")

    def begin_changes(self) -> None:
        """Take up what was clicked before the last stop, and post what is due. Without a ledger there is nothing."""
        if self._noticeboard is not None:
            self._noticeboard.start()
        if self._changes is not None:
            self._changes.start()
        if self._digests is not None:
            self._digests.start()

    def handle_http(self, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        """Answer one HTTP request of Slack. Its signature is to be checked before; Bolt checks it once more."""
        return dispatch(self._app, body, headers)

    @property
    def questions_held(self) -> int:
        """How many questions are in work or wait."""
        return self._pools[0].held

    def healthy(self) -> bool:
        """Whether questions are taken: not stopped and, in Socket Mode, connected."""
        connected = self._socket is None or self._socket.client.is_connected()
        return connected and all(pool.is_open for pool in self._pools)

    def check(self, *, socket_mode: bool = True) -> Iterable[Finding]:
        """What `patchbot doctor` finds about the Slack side. Asks Slack; posts nothing.

        Without `socket_mode` no app token is needed, and none is looked at.
        """
        return check(
            self._api,
            self._directory,
            self._audience,
            rules=self._rules,
            channels=self._channels,
            app_token=self._app_token if socket_mode else None,
            home_team=self._home_team,
        )

    def stop(self, timeout: float = 10.0) -> bool:
        """Take nothing more, finish what was taken on, disconnect. Whoever is not answered by then is told so.

        Returns whether everything was finished within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        finished = True
        if self._changes is not None:
            self._changes.stop(max(0.0, deadline - time.monotonic()) / 2)
        if self._noticeboard is not None:
            self._noticeboard.stop(max(0.0, deadline - time.monotonic()) / 2)
        if self._digests is not None:
            self._digests.stop(max(0.0, deadline - time.monotonic()) / 2)
        for pool in self._pools:
            finished &= pool.stop(max(0.0, deadline - time.monotonic()))
        if self._socket is not None:
            _disconnect(self._socket)
        return finished


def _disconnect(handler: SocketModeHandler) -> None:
    """Close the connection now. Left alone the SDK waits for its read to time out; Slack's answer to a ping ends that.

    The ping says something because the SDK reads on after a frame of two bytes.
    """
    client = handler.client
    client.auto_reconnect_enabled = False
    if client.current_session is not None:
        client.current_session_state.terminated = True
        with suppress(OSError):
            client.current_session.ping("stopping")
    handler.close()  # type: ignore[no-untyped-call]


def create_slack_bot(
    desk: Desk,
    *,
    bot_token: str,
    signing_secret: str,
    app_token: str = "",
    old_signing_secret: str = "",
    api_url: str = SLACK,
    policy_usergroups: Collection[str] = (),
    home_team: str = "",
    workers: int = 8,
    queue_limit: int = 100,
    questions_each: int = 2,
    patience_seconds: float = PATIENCE_SECONDS,
    picture_patience_seconds: float = PICTURE_PATIENCE_SECONDS,
    count: Count = lambda _command, _outcome: None,
    clock: Seconds = time.monotonic,
    changing: Changing | None = None,
    rules: Sequence[ChangeRules] = (),
    channels: Sequence[str] = (),
) -> SlackBot:
    """Put the Slack side together. Nothing is asked of Slack before the first request.

    `signing_secret` may be empty in Socket Mode: then every HTTP request is refused. During a rotation
    `old_signing_secret` is good, too. `policy_usergroups` are the ids of the user groups that the access policy
    names; without `home_team` the workspace of the token is home. One person has at most `questions_each` questions in
    work, so that nobody takes all `workers`. A card waits `picture_patience_seconds` for its pictures, then it goes
    without. `clock` never goes back. With `changing`, which is given the live look-up
    of people and the home team, clicks can change something. The doctor looks at the channels and
    approvers of `rules`, and at `channels`.
    """
    api_url = api_url if api_url.endswith("/") else f"{api_url}/"
    api = SlackApi(bot_token, base_url=api_url)
    directory = Directory(api, usergroups=policy_usergroups, clock=clock, home_team=home_team)
    audience = Audience(api, directory, clock=clock)
    home = HomeTab(desk, api=api, directory=directory, patience_seconds=patience_seconds)
    drawing = Pool(2, _PICTURES, name="slack-pictures")
    pictures = Pictures(api, drawing, patience=picture_patience_seconds)
    answering = Answering(
        desk,
        directory=directory,
        delivery=Delivery(api, ResponseUrls(api_url), audience, pictures),
        home=home,
        count=count,
        patience_seconds=patience_seconds,
    )
    pool = Pool(workers, queue_limit, share=questions_each, name="slack-answers")
    notices = Pool(1, _NOTICES, name="slack-notices")
    app = bolt_app([signing_secret, old_signing_secret], api_url=api_url)
    opening = Pool(4, _FORMS, share=_FORMS_EACH, name="slack-opening")
    filling = Pool(4, _FORMS, share=_FORMS_EACH, name="slack-filling")
    telling = Pool(2, _ANSWERS, name="slack-telling")
    changes = noticeboard = digests = None
    if changing is not None:
        people = LivePeople(
            api,
            usergroups=policy_usergroups,
            clock=clock,
            home=directory.home,
        )
        parts = changing(people, lambda: directory.home().team_id)
        noticeboard = Noticeboard(parts.ledger, api, parts.draw, audience, clock=parts.clock)
        if parts.digests is not None:
            digests = DigestPoster(
                parts.ledger,
                api,
                parts.digests,
                audience.outsiders,
                pictures=pictures,
                their_clock=api.their_clock,
                clock=parts.clock,
            )
        changes = Changes(
            parts,
            desk,
            api=api,
            directory=directory,
            people=people,
            opening=opening,
            filling=filling,
            telling=telling,
            redraw=noticeboard.wake,
        )
    Listeners(answering, pool=pool, notices=notices, clock=clock, changes=changes).register(app)
    return SlackBot(
        app,
        api=api,
        directory=directory,
        audience=audience,
        rules=rules,
        channels=channels,
        pools=(pool, notices, opening, filling, telling, drawing),
        changes=changes,
        noticeboard=noticeboard,
        digests=digests,
        app_token=app_token,
        home_team=home_team,
        api_url=api_url,
    )
