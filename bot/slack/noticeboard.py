"""Posts what the ledger wants to be seen, and draws it anew when it changes. Messages are only views.

The intent to post is on disk before the call. When its answer was lost, the message is looked for by its metadata and
posted again only where it is not: two cards of one request do no harm, a card that nobody sees does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from bot.chatops.blocks import context
from bot.chatops.markup import code, markup
from bot.chatops.reply import Card
from bot.core.audit import Entry
from bot.core.errors import NotFound, PatchbotError, SlackError
from bot.core.ledger import Ledger, Notice, NoticeState
from bot.core.ports import Clock
from bot.core.running import BOT
from bot.services import noticing
from bot.slack.answering import new_incident
from bot.slack.api import NO_ANSWER, UNREADABLE, SlackApi
from bot.slack.audience import Audience
from bot.slack.loop import Loop
from bot.slack.messages import message

EVENT_TYPE: Final = "patchbot_notice"
SETTLE: Final = timedelta(seconds=30)
FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(minutes=5)

NOT_DONE: Final = frozenset(
    {
        *("ratelimited", "rate_limited", "service_unavailable"),
        *("invalid_auth", "not_authed", "token_revoked", "token_expired"),
        *("account_inactive", "missing_scope", "team_access_not_granted"),
    }
)
"""Slack surely did nothing, and will once the rush is over or an admin has set the app right."""

DOUBTFUL: Final = frozenset(
    {NO_ANSWER, UNREADABLE, "internal_error", "fatal_error", "request_timeout"}
)
"""Nobody knows whether Slack did it."""

_GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_SHARED: Final = "shared_with_others"
_USERGROUP: Final = "S"
_TO_REQUESTER: Final = frozenset(
    {noticing.APPROVAL, noticing.RUN, noticing.GATE, noticing.RECEIPT, noticing.BREAK_GLASS}
)
"""What the requester gets as a direct message where its channel cannot be reached."""

_UNFURLS: Final = ("unfurl_links", "unfurl_media")

Draw = Callable[[Notice], Card]

_log: Final = structlog.get_logger("bot.slack.noticeboard")


@dataclass(frozen=True, slots=True)
class _Pause:
    """A notice is left alone until then; the next pause is twice as long."""

    until: datetime
    length: timedelta


class Noticeboard:
    """Brings notices from the ledger to Slack, one after the other, in a thread of its own."""

    def __init__(
        self, ledger: Ledger, api: SlackApi, draw: Draw, audience: Audience, *, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._api = api
        self._draw = draw
        self._audience = audience
        self._clock = clock
        self._loop = Loop(self.post_due, name="noticeboard")
        self._pauses: dict[str, _Pause] = {}
        self.start, self.stop, self.wake = self._loop.start, self._loop.stop, self._loop.wake

    def post_due(self) -> None:
        """Bring every notice that is due one step further. Failures are kept with the notice and told in the log."""
        for notice in self._ledger.notices(only_due=True):
            if self._loop.stopping:
                return
            pause = self._pauses.get(notice.key)
            if pause is not None and self._clock() < pause.until:
                continue
            try:
                self._bring(notice)
            except SlackError as error:
                self._failed(notice, error)
            except NotFound as error:
                self._give_up(notice, error.message)
            except PatchbotError as error:
                self._wait(notice, str(error))
            except Exception as error:  # noqa: BLE001 - one card that cannot be drawn does not hide the others
                incident = new_incident()
                _log.error("notice.failed", key=notice.key, error_id=incident, exc_info=error)
                self._wait(notice, f"error id {incident}")
            else:
                self._pauses.pop(notice.key, None)

    def _bring(self, notice: Notice) -> None:
        if notice.channel.startswith(_USERGROUP):
            self._spread(notice)
        elif notice.state is NoticeState.POSTED:
            self._redraw(notice)
        elif notice.state is NoticeState.POSTING:
            self._find(notice)
        elif notice.state is NoticeState.NEW:
            self._post(notice)

    def _post(self, notice: Notice) -> None:
        parent = self._parent(notice)
        if parent is not None and parent.state in {NoticeState.NEW, NoticeState.POSTING}:
            return  # its thread is not there yet
        body = self._body(notice)
        place = self._place(notice)
        if parent is not None and parent.state is NoticeState.POSTED:
            place, body["thread_ts"] = parent.channel, parent.ts
            if notice.kind == noticing.GATE:
                body["reply_broadcast"] = True  # a question in a thread is seen by nobody
        self._keep_inside(place)
        intent = replace(notice, channel=place, state=NoticeState.POSTING)
        self._move(intent)
        try:
            channel, ts = self._api.say(place, body)
        except SlackError as error:
            if error.code not in DOUBTFUL:
                self._move(notice)  # not posted: as it was
            raise
        posted = replace(intent, channel=channel, state=NoticeState.POSTED, ts=ts)
        self._move(replace(posted, shown=notice.wanted, reason=_lasting(notice.reason)))

    def _redraw(self, notice: Notice) -> None:
        body = {k: v for k, v in self._body(notice).items() if k not in _UNFURLS}
        self._keep_inside(notice.channel)
        try:
            self._api.redraw(notice.channel, notice.ts, body)
        except SlackError as error:
            if error.code not in _GONE:
                raise
            # Somebody deleted it: what it shows goes on, so it is posted anew.
            reason = _lasting(notice.reason) or error.code
            self._move(replace(notice, state=NoticeState.NEW, ts="", reason=reason))
            return
        self._move(replace(notice, shown=notice.wanted, reason=_lasting(notice.reason)))

    def _spread(self, notice: Notice) -> None:
        """To each member of a user group. Raises SlackError where they cannot be read."""
        members = sorted(self._api.group_members(notice.channel))
        with self._ledger.change() as change:
            for person in members:
                key = f"{notice.key}/{person}"
                change.show(Notice(key, notice.kind, notice.subject, person))
            change.move_notice(replace(notice, state=NoticeState.POSTED, shown=notice.wanted))

    def _keep_inside(self, place: str) -> None:
        """Plans name nodes and what they lack. Raises SlackError where outsiders read along."""
        outsiders = self._audience.outsiders(place)
        if outsiders:
            raise SlackError(f"{place} is shared with {outsiders}.", code=_SHARED)

    def _find(self, notice: Notice) -> None:
        """A message whose answer was lost: found by its metadata, else to be posted again."""
        since = notice.changed_at or self._clock()
        if self._clock() - since < SETTLE:
            return
        ts = self._said(notice, since)
        if ts:
            # What it shows may be older than what is wanted: drawn once more.
            self._move(replace(notice, state=NoticeState.POSTED, ts=ts))
            return
        reason = _lasting(notice.reason) or "not found after a lost answer"
        self._move(replace(notice, state=NoticeState.NEW, reason=reason))

    def _said(self, notice: Notice, since: datetime) -> str:
        parent = self._parent(notice)
        oldest = since.timestamp() - 60
        try:
            if parent is not None and parent.state is NoticeState.POSTED:
                said = self._api.replies_since(parent.channel, parent.ts, oldest)
            else:
                said = self._api.said_since(notice.channel, oldest)
        except SlackError as error:
            if error.code in DOUBTFUL | {"ratelimited", "rate_limited"}:
                raise
            return ""  # a channel that cannot be read: posting again tells what is wrong with it
        return next((str(one["ts"]) for one in said if key_of(one, EVENT_TYPE) == notice.key), "")

    def _failed(self, notice: Notice, error: SlackError) -> None:
        if error.code in NOT_DONE or error.code in DOUBTFUL:
            self._wait(notice, error.code)
        elif notice.kind in _TO_REQUESTER and not _lasting(notice.reason):
            self._reroute(notice, error.code)
        else:
            self._give_up(notice, error.code)

    def _wait(self, notice: Notice, reason: str) -> None:
        """It stays as it is in the ledger, and is tried again after a while."""
        before = self._pauses.get(notice.key)
        length = min(before.length * 2, LONGEST_PAUSE) if before else FIRST_PAUSE
        self._pauses[notice.key] = _Pause(self._clock() + length, length)
        _log.warning("notice.waits", key=notice.key, reason=reason, seconds=length.total_seconds())

    def _reroute(self, notice: Notice, code: str) -> None:
        """To whoever asked for it, because its channel is gone or closed to us; the audit log says so.

        The question about a closed gate goes to the approvers: the requester cannot answer it.
        """
        if notice.kind == noticing.GATE and (copies := self._to_approvers(notice)):
            with self._ledger.change() as change:
                noticing.show(change, copies)
            self._give_up(notice, code)
            return
        requester = self._requester(notice)
        if not requester:
            self._give_up(notice, code)
            return
        reason = f"{noticing.INSTEAD}{notice.channel} ({code})"
        _log.warning("notice.rerouted", key=notice.key, to=requester, reason=reason)
        moved = replace(notice, channel=requester, state=NoticeState.NEW, ts="", reason=reason)
        self._move(moved, audit="notice.rerouted")

    def _to_approvers(self, notice: Notice) -> tuple[Notice, ...]:
        if notice.channel[:1] in {"U", "W", "D", _USERGROUP}:
            return ()
        run = self._ledger.run(notice.subject.partition("/")[0])
        request = self._ledger.request(run.request) if run is not None else None
        if request is None:
            return ()
        return noticing.to_approvers(notice, request.rules.approvers)

    def _give_up(self, notice: Notice, reason: str) -> None:
        _log.error("notice.lost", key=notice.key, reason=reason)
        lost = notice.state is NoticeState.POSTED
        state = NoticeState.LOST if lost else NoticeState.FAILED
        moved = replace(notice, state=state, shown=notice.wanted, reason=reason)
        self._move(moved, audit="notice.lost")

    def _requester(self, notice: Notice) -> str:
        name = notice.subject.partition("/")[0]
        run = self._ledger.run(name)
        request = self._ledger.request(run.request if run is not None else name)
        if request is None or request.requester == BOT:
            return ""
        return request.requester

    def _parent(self, notice: Notice) -> Notice | None:
        if not notice.thread_of:
            return None
        return next((one for one in self._ledger.notices() if one.key == notice.thread_of), None)

    def _place(self, notice: Notice) -> str:
        is_person = notice.channel[:1] in {"U", "W"}
        return self._api.open_direct_message(notice.channel) if is_person else notice.channel

    def _move(self, notice: Notice, *, audit: str = "") -> None:
        with self._ledger.change() as change:
            change.move_notice(notice)
            if audit:
                body = {"notice": notice.key, "reason": notice.reason}
                change.audit(Entry(audit, "patchbot", f"notice/{notice.key}", body))

    def _body(self, notice: Notice) -> dict[str, Any]:
        card = self._draw(notice)
        if _lasting(notice.reason):
            told = markup(
                "You get this {reason}: I cannot post there. Invite me to the channel, keep other companies out of it,"
                " or have an admin correct the configuration; approvers find the request with `/patch approvals`.",
                reason=code(notice.reason),
            )
            card = replace(card, blocks=(*card.blocks, context(told)))
        metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": notice.key}}
        return {**message(card).body(), "metadata": metadata}


def _lasting(reason: str) -> str:
    """The reason of a notice that went to somebody else; it stays with the notice."""
    return reason if reason.startswith(noticing.INSTEAD) else ""


def key_of(said: Mapping[str, Any], event_type: str) -> object:
    """The key that a message of ours of that kind carries in its metadata; None for all others."""
    metadata = said.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != event_type:
        return None
    payload = metadata.get("event_payload")
    return payload.get("key") if isinstance(payload, Mapping) else None
