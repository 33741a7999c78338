"""What the doctor looks at: the configuration and what it points at, the clock, AWS, Slack, who may do what."""

from __future__ import annotations

import http.client
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol

from bot.config import Settings
from bot.config.secrets import SLACK_API
from bot.core.environments import Target
from bot.core.errors import AwsError
from bot.core.ports import Clock
from bot.core.rules import ChangeRules
from bot.core.wording import counted, listed, span
from bot.services import queue_checks
from bot.services.doctor import Check, Finding, Outcome

if TYPE_CHECKING:
    from bot.store.opening import LedgerPlace

SKEW_WARNED = timedelta(seconds=30)
SKEW_REFUSED = timedelta(minutes=5)  # Slack refuses older requests, AWS differently signed ones
FREE_WARNED = 500 * 1024**2
FREE_NEEDED = 50 * 1024**2
_PROBE_SECONDS = 5


class RightCheck(Protocol):
    """Whether one IAM action is allowed."""

    @property
    def action(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def detail(self) -> str: ...
    @property
    def hint(self) -> str: ...
    @property
    def optional(self) -> bool: ...


class RightsGateway(Protocol):
    """Asks AWS for every right that a reading needs."""

    def check(self, target: Target) -> Sequence[RightCheck]:
        """One finding for each right. Raises AwsError when not even that could be asked."""
        ...


def checks(
    settings: Settings,
    gateway: RightsGateway,
    *,
    slack: Callable[[], Iterable[Finding]],
    clock: Clock,
    commands: RightsGateway | None = None,
    upkeep: Callable[[], Iterable[Finding]] | None = None,
    queues: Sequence[queue_checks.Queue] = (),
    deaf: Sequence[str] = (),
    troubles: Callable[[], Iterable[str]] = tuple,
) -> tuple[tuple[str, Check], ...]:
    """All checks by area, in the order in which one would mend things. `deaf` says what fails at listening."""
    targets = dict.fromkeys(target for one in settings.fleet().values() for target in one.targets)
    return (
        ("Configuration", lambda: configuration(settings)),
        ("Clock", lambda: clock_skew(next(iter(targets)), clock)),
        ("Backups and heads", lambda: ledger(settings, clock, troubles=troubles())),
        *((f"AWS {one}", lambda one=one: rights(gateway, one)) for one in targets),
        *((f"Runs {one}", lambda one=one: runs(commands, one)) for one in targets if commands),
        *((("Ledger and worker", upkeep),) if upkeep is not None else ()),
        *(
            (("Alerts", lambda: alerts(settings, [one.region for one in queues], deaf)),)
            if queues
            else ()
        ),
        *((f"Events {one.name}", lambda one=one: queue_checks.check(one)) for one in queues),
        ("Slack", slack),
        ("Access", lambda: access(settings)),
    )


def configuration(settings: Settings) -> Iterator[Finding]:
    """The file was read, so it is right; what it points at may not be."""
    names = ", ".join(settings.environments)
    yield Finding("file", Outcome.OK, f"{settings.path}: {names}")
    path = settings.data_dir
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        yield Finding(
            "data directory",
            Outcome.FAILED,
            f"{path} cannot be written: {error.strerror}",
            "Let patchbot's user write there, or set data_dir (or PATCHBOT_DATA_DIR).",
        )
        return
    if path.stat().st_mode & 0o077:
        yield Finding(
            "data directory",
            Outcome.WARNING,
            f"other users can look into {path}",
            f"Close it: chmod 700 {path}",
        )
    else:
        yield Finding("data directory", Outcome.OK, f"{path} can be written")
    free = shutil.disk_usage(path).free
    if free >= FREE_WARNED:
        yield Finding("disk", Outcome.OK, f"{free // 1024**2:,} MB free")
    else:
        outcome = Outcome.WARNING if free >= FREE_NEEDED else Outcome.FAILED
        yield Finding(
            "disk", outcome, f"only {free // 1024**2:,} MB free", f"Make room where {path} is."
        )


def ledger(settings: Settings, clock: Clock, *, troubles: Iterable[str] = ()) -> Iterator[Finding]:
    """Whether the ledger could be lost, or an older copy of it go unnoticed. `troubles` are the running bot's."""
    from bot.auditing import backup_dir, ledger_place
    from bot.store.backup import backups
    from bot.store.heads import kept_heads, load_key

    place = ledger_place(settings)
    if not place.path.is_file():
        yield Finding("ledger", Outcome.OK, "none yet: `patchbot serve` makes it")
        return
    key = load_key(place.data_dir, given=place.key)
    heads, doubt = kept_heads(place.head_dir, key=key)
    if not key:
        hint = (
            "Put ledger.key back, or set PATCHBOT_LEDGER_KEY: without it patchbot does not start."
        )
        yield Finding("key of the ledger", Outcome.FAILED, "is gone", hint)
    if doubt or not heads:
        told = doubt or f"none is kept in {place.head_dir}"
        hint = "Read “Audit” in docs/security.md before patchbot is started again."
        yield Finding("heads of the ledger", Outcome.FAILED, told, hint)
    else:
        yield Finding("heads of the ledger", Outcome.OK, f"kept in {place.head_dir}")
    yield from _heads_outside(settings, place)
    every, newest = settings.ledger.backup_every, backups(backup_dir(settings))[:1]
    age = clock() - newest[0][0] if newest else None
    late = "Look for “backup” in the log of patchbot: it makes them while it runs."
    if age is None:
        yield Finding("backup", Outcome.WARNING, f"there is none in {backup_dir(settings)}", late)
    else:
        outcome = Outcome.OK if age < 2 * every else Outcome.WARNING
        hint = "" if outcome is Outcome.OK else late
        yield Finding("backup", outcome, f"the newest is {span(age)} old", hint)
    for trouble in troubles:
        yield Finding("keeping them", Outcome.FAILED, trouble, "See the log of patchbot.")


def _heads_outside(settings: Settings, place: LedgerPlace) -> Iterator[Finding]:
    from bot.anchors import head_bucket
    from bot.store.opening import open_for_reading

    bucket = head_bucket(settings)
    if bucket is None:
        return
    told = open_for_reading(place, clock=lambda: datetime.now(UTC))
    try:
        found = bucket.newest(told.id, near=told.head().seq)
    except AwsError as error:
        hint = error.hint or "Check the bucket and the rights in docs/aws-rights.md."
        yield Finding("heads in S3", Outcome.FAILED, f"{bucket.url}: {error.message}", hint)
    else:
        outcome = Outcome.OK if found else Outcome.WARNING
        kept = f"kept in {bucket.url}" if found else f"none is in {bucket.url}"
        yield Finding("heads in S3", outcome, kept)
    finally:
        bucket.close()


def clock_skew(target: Target, clock: Clock) -> Iterator[Finding]:
    """Our clock against that of AWS, else Slack: both refuse what was signed at another time."""
    suffix = ".cn" if target.region.startswith("cn-") else ""
    aws = os.environ.get("AWS_ENDPOINT_URL") or f"https://ssm.{target.region}.amazonaws.com{suffix}"
    slack = os.environ.get("PATCHBOT_SLACK_API_URL") or SLACK_API
    for whose, url in (("AWS", aws), ("Slack", slack)):
        try:
            theirs = parsedate_to_datetime(_date_of(url)).astimezone(UTC)
        except (OSError, http.client.HTTPException, ValueError):
            continue
        yield _skew(abs(clock() - theirs), whose)
        return
    told = f"could not be compared: neither {aws} nor {slack} told the time"
    yield Finding("clock", Outcome.WARNING, told, "Check the network and the proxy.")


def _skew(skew: timedelta, whose: str) -> Finding:
    if skew < SKEW_WARNED:
        return Finding("clock", Outcome.OK, f"agrees with that of {whose}")
    return Finding(
        "clock",
        Outcome.FAILED if skew >= SKEW_REFUSED else Outcome.WARNING,
        f"is {span(skew)} off that of {whose}",
        "Set the clock and keep it right by NTP: requests signed at a wrong time are refused.",
    )


def _date_of(url: str) -> str:
    """The Date header of any answer, refusals included."""
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310  # our own endpoint
    try:
        with urllib.request.urlopen(request, timeout=_PROBE_SECONDS) as answer:  # noqa: S310
            return str(answer.headers["Date"])
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers["Date"])


def rights(gateway: RightsGateway, target: Target) -> Iterator[Finding]:
    """What is denied, each with what to do; one line when nothing is, or nothing for one and the same reason."""
    found = gateway.check(target)
    denied = [one for one in found if not one.ok]
    if len(denied) == len(found) > 1 and len({one.detail for one in denied}) == 1:
        first = min(denied, key=lambda one: one.optional)
        yield Finding("rights", Outcome.FAILED, first.detail, first.hint)
        return
    for one in denied:
        outcome = Outcome.WARNING if one.optional else Outcome.FAILED
        yield Finding(one.action, outcome, one.detail, one.hint)
    if len(denied) < len(found):
        who = next((f", as {one.detail}" for one in found if one.ok and "arn:" in one.detail), "")
        allowed = f"{len(found) - len(denied)} of {len(found)} allowed{who}"
        yield Finding("rights", Outcome.OK, allowed)


def runs(commands: RightsGateway, target: Target) -> Iterator[Finding]:
    """Whether scans and installs can be followed, and as whom they are sent. Sending itself cannot be tried."""
    yield from rights(commands, target)
    untried = "cannot be tried without running something: the first scan will show it"
    yield Finding("ssm:SendCommand", Outcome.UNTRIED, untried)


def access(settings: Settings) -> Iterator[Finding]:
    """Every role has somebody, and every approval can be reached."""
    policy = settings.policy()
    for role, members, without in (
        ("viewers", policy.viewers, "only admins can look"),
        ("admins", policy.admins, "nobody can use `/patch doctor` in Slack"),
    ):
        told = [
            "everyone in the workspace" if members.everyone else "",
            counted(len(members.users), "user") if members.users else "",
            counted(len(members.usergroups), "user group") if members.usergroups else "",
        ]
        if any(told):
            yield Finding(role, Outcome.OK, listed(told))
        else:
            hint = f'Name them in [access]: {role} = {{ users = ["U…"] }}'
            yield Finding(role, Outcome.WARNING, f"nobody: {without}", hint)
    for name, rules in settings.change_rules().items():
        table = settings.environments[name]
        named = (table.approvers, table.requesters or settings.access.requesters)
        if any(members.as_core().anybody for members in named):
            yield from changes(rules)


def alerts(
    settings: Settings, regions: Sequence[str], troubles: Sequence[str] = ()
) -> Iterator[Finding]:
    """Whether every environment is heard of, and has a place where that is told. `troubles` are those of listening."""
    for trouble in troubles:
        hint = "It is tried again at least every minute; what waits in the queue is not lost."
        yield Finding("listening", Outcome.WARNING, trouble, hint)
    for name, table in settings.environments.items():
        if table.alerts and not table.channel:
            yield Finding(
                f"alerts of {name}",
                Outcome.WARNING,
                "no channel: nobody is told",
                f'Set channel = "C…" in [environments.{name}], or alerts = [].',
            )
        deaf = sorted(set(table.regions) - set(regions))
        if table.alerts and deaf:
            yield Finding(
                f"alerts of {name}",
                Outcome.WARNING,
                f"no queue in {listed(deaf)}: unless its events are forwarded, nothing is heard of it",
                "Deploy deploy/events.yaml there, and add its queue to queue_url in [events].",
            )
        if table.alerts and table.channel and not deaf:
            yield Finding(f"alerts of {name}", Outcome.OK, f"go to {table.channel}")


def changes(rules: ChangeRules) -> Iterator[Finding]:
    """Whether a change in an environment can be asked for, and approved by enough different people.

    Who is in a user group only Slack knows; where one is named, only what is sure is told.
    """
    subject, table = f"approvals in {rules.environment}", f"[environments.{rules.environment}]"
    if not rules.approvers.anybody:
        hint = f'Name them in {table}: approvers = {{ users = ["U…"] }}'
        yield Finding(subject, Outcome.WARNING, "nobody: no Install can be asked for", hint)
    elif not (rules.approvers.everyone or rules.approvers.usergroups):
        yield _approvals(subject, rules)
    if rules.requesters.anybody and rules.approvers.anybody and not rules.asks_in:
        yield Finding(
            f"channel of {rules.environment}",
            Outcome.WARNING,
            "none: approvals cannot be asked for",
            f'Set approval_channel = "C…" in {table}, and invite patchbot there.',
        )


def _approvals(subject: str, rules: ChangeRules) -> Finding:
    approvers, needed = rules.approvers.users, rules.approvals
    hint = f"Name more approvers in [environments.{rules.environment}], or ask for fewer approvals."
    told = f"{counted(needed, 'approval')} needed"
    if len(approvers) < needed:
        few = f"{told}, but only {counted(len(approvers), 'approver')} named"
        return Finding(subject, Outcome.FAILED, few, hint)
    asking = rules.requesters.users
    stuck = {one for one in asking | approvers if len(approvers - {one}) < needed}
    unsure = rules.requesters.everyone or rules.requesters.usergroups
    if rules.protected and asking and asking <= stuck and not unsure:
        alone = f"{told} by others than the requester, and nobody who may ask can get them"
        return Finding(subject, Outcome.FAILED, alone, hint)
    if rules.protected and (stuck & asking or (stuck and unsure)):
        some = f"{told} by others than the requester: {listed(sorted(stuck))} cannot get them"
        return Finding(subject, Outcome.WARNING, some, hint)
    of = f"{needed} of {counted(len(approvers), 'approver')} needed"
    return Finding(subject, Outcome.OK, of)
