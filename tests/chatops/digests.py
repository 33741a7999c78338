"""Digests to be drawn: one of an ordinary Monday, and random ones with the most hostile names there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeVar

from bot.core.causes import Cause, Remedy
from bot.core.digest_reports import (
    ApprovalLine,
    ChangeGroup,
    DigestReport,
    DueRow,
    FailedInstall,
    Hindered,
    NamedNode,
    OwnerPart,
    Part,
    PatchTally,
    Ready,
    RunLine,
    Standing,
    WaiverLine,
)
from bot.core.judgement import Reason
from bot.core.plans import Operation
from bot.core.reports import Attention, GapRow, NodeCounts, UnknownReasons
from bot.core.runs import RunState
from bot.core.trend_reports import DeadlineRow
from tests.commands.fleets import LONGEST_TAG, WORST_TEXTS
from tests.oracles.hostile import HOSTILE

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
ACCOUNT = "111122223333"
RECEIPT = ("clean", "closed", "still_open", "not_back")
T = TypeVar("T")


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def named(number: int, name: str = "", **more: Any) -> NamedNode:
    return NamedNode(
        instance_id=f"i-0{number:016x}",
        name=name or f"prod-web-{number:02}",
        account=ACCOUNT,
        region="eu-central-1",
        owner="payments",
        **more,
    )


def standing(compliant: int, broken: int, unknown: int, **more: Any) -> Standing:
    total = compliant + broken + unknown
    given: dict[str, Any] = {
        "at": NOW - timedelta(minutes=4),
        "nodes": NodeCounts(
            total=total, compliant=compliant, non_compliant=broken, unknown=unknown
        ),
        "unknown_reasons": UnknownReasons(never_scanned=min(1, unknown), stale=max(0, unknown - 1)),
        "failed": 0,
        "pending_reboot": 0,
        "compliance_percent": round(100 * compliant / total, 1) if total else None,
        "fresh": compliant + broken,
        "oldest_operation_end_time": ago(days=6),
        "complete": True,
        **more,
    }
    return Standing(**given)


def group(why: Cause | Remedy, nodes: int, **more: Any) -> ChangeGroup:
    shown = min(nodes, 5)
    given: dict[str, Any] = {
        "why": why,
        "about": "",
        "nodes": nodes,
        "non_compliant": nodes if isinstance(why, Cause) else -nodes,
        "unknown": 0,
        "named": tuple(named(number) for number in range(1, shown + 1)),
        "more": nodes - shown,
        **more,
    }
    return ChangeGroup(**given)


def monday(**changes: Any) -> DigestReport:
    """An ordinary Monday: a release, a failed install, a run that fixed much, two things to decide."""
    part = Part(
        now=standing(394, 61, 25, failed=3, pending_reboot=5),
        before=standing(401, 57, 22, at=ago(days=3)),
        worse=(
            group(
                Cause.NEW_RELEASE,
                41,
                non_compliant=12,
                patches=(PatchTally(id="KB5034441", nodes=38), PatchTally(id="openssl.x86_64", nodes=3)),
            ),
            group(Cause.SCAN_LOST, 4, non_compliant=-1, unknown=4),
            group(Cause.FAILED_INSTALL, 3, about="X-12", non_compliant=0),
        ),
        failing=(FailedInstall(run="X-12", nodes=3),),
        better=(
            group(Remedy.RUN, 31, about="X-12", non_compliant=-6, unknown=-1),
            group(Remedy.STOPPED, 2, non_compliant=-1, unknown=0),
        ),
        joined=2,
        left=2,
        due=(
            DueRow(
                severity="critical",
                breached=14,
                newly_breached=2,
                breached_nodes=9,
                due=38,
                due_today=4,
                due_nodes=38,
                next_due=NOW + timedelta(hours=7),
                patches=(PatchTally(id="KB5034441", nodes=38), PatchTally(id="kernel.x86_64", nodes=9)),
                urgent=("KB5034441", "kernel.x86_64"),
                ready=Ready(breached=11, breached_nodes=7, due_today=4),
                hindered=(
                    Hindered(why="not_approved", patches=2, nodes=1),
                    Hindered(why="offline", patches=1, nodes=1),
                ),
            ),
            DueRow(
                severity="important",
                due=6,
                due_nodes=6,
                next_due=NOW + timedelta(days=5),
                patches=(PatchTally(id="bind-utils.x86_64", nodes=6),),
                more_patches=2,
            ),
        ),
        without_data=(
            named(70, "prod-batch-01", reason=Reason.NEVER_SCANNED),
            named(71, "prod-batch-02", reason=Reason.STALE, operation_end_time=ago(days=12)),
        ),
        without_data_more=23,
    )  # fmt: skip
    mine = Part(
        now=standing(20, 2, 0),
        before=standing(21, 1, 0, at=ago(days=3)),
        worse=(group(Cause.NEW_RELEASE, 1, patches=(PatchTally(id="KB5034441", nodes=1),)),),
        due=(
            DueRow(
                severity="critical",
                due=1,
                due_nodes=1,
                next_due=NOW + timedelta(days=6),
                patches=(PatchTally(id="KB5034441", nodes=1),),
            ),
        ),
    )
    given: dict[str, Any] = {
        "environment": "prod",
        "as_of": NOW - timedelta(minutes=4),
        "composed_at": NOW,
        "since": ago(days=3),
        "unchanged": False,
        "fleet": part,
        "attention": Attention(failed=3, pending_reboot=5, connection_lost=6, stopped=2),
        "deadlines": (DeadlineRow(severity="critical", days=7, open=60, within=46, breached=14),),
        "gaps": (),
        "approvals": (
            ApprovalLine(
                id="R-13",
                code="7F3A-2B1C",
                operation=Operation.INSTALL,
                nodes=48,
                lacking=1,
                created_at=ago(minutes=40),
                expires_at=NOW + timedelta(minutes=20),
            ),
        ),
        "runs": (
            run_line("X-13", RunState.PAUSED, why="2 nodes did not come back after their reboot"),
        ),
        "ended_runs": (
            run_line("X-12", RunState.PARTIAL, clean=31, closed=96, still_open=7, not_back=1),
        ),
        "head": "1284:0123456789abcdef",
        "owners": (
            OwnerPart(owner="payments", channel="C0000PAY1", part=mine),
            OwnerPart(owner="Team A", channel="C0000TMA1", part=quiet_part()),
        ),
        **changes,
    }
    return DigestReport(**given)


def quiet_part(**changes: Any) -> Part:
    """Nothing changed and nothing is due."""
    return Part(
        now=standing(394, 61, 25),
        before=standing(394, 61, 25, at=ago(days=1)),
        unchanged=True,
        **changes,
    )


def quiet(**changes: Any) -> DigestReport:
    """A day on which nothing changed, and nobody is waited for."""
    given: dict[str, Any] = {
        "fleet": quiet_part(),
        "unchanged": True,
        "approvals": (),
        "runs": (),
        "ended_runs": (),
        "owners": (),
        **changes,
    }
    return monday(**given)


def run_line(name: str, state: RunState, **more: Any) -> RunLine:
    given: dict[str, Any] = {
        "id": name,
        "state": state,
        "operation": Operation.INSTALL,
        "nodes": 40,
        "why": "",
        "rehearsal": False,
        "started_at": ago(hours=8),
        "ended_at": None,
        **more,
    }
    return RunLine(**given)


def random_digest(chance: Random) -> DigestReport:
    """A digest of any shape in which every text is hostile."""

    def text() -> str:
        return chance.choice((*HOSTILE, *WORST_TEXTS, "web", ""))[:LONGEST_TAG]

    def number() -> int:
        return chance.choice((0, 1, 7, 9_999))

    def moment() -> datetime:
        return chance.choice((ago(days=400), ago(days=3), NOW, NOW + timedelta(days=3)))

    def many(one: Callable[[], T], most: int = 9) -> tuple[T, ...]:
        return tuple(one() for _ in range(chance.randint(0, most)))

    def node() -> NamedNode:
        reason = chance.choice((None, *Reason))
        return named(1, text(), reason=reason, operation_end_time=chance.choice((None, moment())))

    def tally() -> PatchTally:
        return PatchTally(id=text(), nodes=number())

    def changed(*whys: Cause | Remedy) -> ChangeGroup:
        return group(
            chance.choice(whys),
            number(),
            about=text(),
            unknown=number(),
            named=many(node, 5),
            more=number(),
            patches=many(tally, 5),
            more_patches=number(),
        )

    def due() -> DueRow:
        return DueRow(
            severity=chance.choice(("critical", "important", "other")),
            breached=number(),
            newly_breached=number(),
            breached_nodes=number(),
            due=number(),
            due_today=number(),
            due_nodes=number(),
            next_due=chance.choice((None, moment())),
            patches=many(tally, 5),
            more_patches=number(),
            urgent=tuple(one.id for one in many(tally, 5)),
            more_urgent=number(),
            ready=Ready(breached=number(), breached_nodes=number(), due_today=number()),
            hindered=tuple(
                Hindered(why=why, patches=number(), nodes=number())
                for why in ("offline", "not_approved", "rejected", "no_data", "reboot")
                if chance.random() < 0.3
            ),
        )

    def stood() -> Standing:
        return standing(
            number(), number(), number(), failed=number(), pending_reboot=number(), at=moment()
        )

    def part() -> Part:
        return Part(
            now=stood(),
            before=chance.choice((None, stood())),
            worse=many(lambda: changed(*Cause)),
            better=many(lambda: changed(*Remedy)),
            joined=number(),
            left=number(),
            due=many(due, 3),
            failing=many(lambda: FailedInstall(run=chance.choice(("", "X-1")), nodes=number())),
            without_data=many(node, 5),
            without_data_more=number(),
            details_missing=number(),
            unchanged=chance.random() < 0.3,
        )

    def line() -> RunLine:
        return run_line(
            "X-999999",
            chance.choice(list(RunState)),
            why=text(),
            rehearsal=chance.random() < 0.3,
            **{name: chance.choice((None, number())) for name in RECEIPT},
        )

    return monday(
        unchanged=chance.random() < 0.3,
        since=chance.choice((None, moment())),
        fleet=part(),
        gaps=many(
            lambda: GapRow(
                account=ACCOUNT, region=text(), reason=text(), nodes=number(), hint=text()
            )
        ),
        approvals=monday().approvals * chance.choice((0, 1, 9)),
        runs=many(line),
        ended_runs=many(line),
        waivers_ending=many(
            lambda: WaiverLine(id="W-1", what=text(), nodes=number(), until=moment())
        ),
        missed=many(text, 5),
        read_only=text(),
        notices=many(text),
        details_missing=number(),
        owners=(OwnerPart(owner=text(), channel="C0000PAY1", part=part()),),
    )
