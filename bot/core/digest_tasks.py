"""What a person has to do today who reads only the digest, each task with the command that does it.

Names in it come from people: show all of it as untrusted text. Commands to copy stand between backticks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from bot.core.digest_reports import DigestReport, DueRow, OwnerPart, Part
from bot.core.digest_words import (
    LINES,
    approval_line,
    beside,
    in_one_line,
    nodes_not_known,
    run_line,
    soon_line,
    waiver_line,
)
from bot.core.runs import RunState
from bot.core.summaries import about_gap
from bot.core.wording import counted, listed, span

_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,60}")
_QUOTABLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+ -]{0,60}")

NOTHING: Final = "Nothing to do today."


def to_do(report: DigestReport, *, missed: Sequence[str] = ()) -> tuple[str, ...]:
    """What has to be done in an environment, the most urgent first.

    Never empty: where there is nothing to do, that is said.
    """
    found = (
        *_blocked(report, missed),
        *_decisions(report),
        *_work(report, report.fleet),
    )
    return found or (NOTHING,)


def owner_to_do(report: DigestReport, one: OwnerPart) -> tuple[str, ...]:
    """What the owner of a part has to do; never empty."""
    return (*_work(report, one.part, one.owner),) or (NOTHING,)


def _work(report: DigestReport, part: Part, owner: str = "") -> Iterable[str]:
    urgent = (*_patching(report.environment, part, owner),)
    waits = any(row.hindered for row in part.due)
    yield from urgent or (() if waits else _not_urgent(report, part, owner))
    yield from _looking(report.environment, part, owner)


def _blocked(report: DigestReport, missed: Sequence[str]) -> Iterable[str]:
    if report.read_only:
        why = report.read_only.rstrip(".")
        yield f"Nothing can be changed at present: {why}. Start with `/patch doctor`."
    if report.gaps:
        places = [f"{gap.account}/{gap.region}".strip("/") for gap in report.gaps]
        yield f"Make {_some(places)} readable again, else its nodes stay unknown: `/patch doctor`."
    lines = [line.rstrip(".") for line in (*report.missed, *missed)]
    if lines:
        yield f"Look back, for digests were not posted: {_some(lines)}."


def _some(parts: Sequence[str]) -> str:
    more = len(parts) - LINES
    return listed([*parts[:LINES], f"{more:,} more" if more > 0 else ""])


def _decisions(report: DigestReport) -> Iterable[str]:
    for one in report.approvals[:LINES]:
        yield f"Decide on {approval_line(one, report.composed_at)}: `/patch approvals`."
    if len(report.approvals) > LINES:
        more = counted(len(report.approvals) - LINES, "more request")
        yield f"Decide on {more}: `/patch approvals`."
    paused = [one for one in report.runs if one.state is RunState.PAUSED]
    for run in paused[:LINES]:
        why = f" ({run.why})" if run.why else ""
        yield f"Continue or stop {run.id}, it is paused{why}: `/patch run {run.id}`."
    if len(paused) > LINES:
        more = counted(len(paused) - LINES, "more paused run")
        yield f"Continue or stop {more}: `/patch runs {report.environment}`."


def _patching(environment: str, part: Part, owner: str = "") -> Iterable[str]:
    for row in part.due:
        how = _install(environment, row, owner)
        patches = f"{row.severity} patch", f"{row.severity} patches"
        ready = row.ready
        if ready.breached:
            late = f"{counted(ready.breached, *patches)} past the deadline on {counted(ready.breached_nodes, 'node')}"
            soon = f", and {ready.due_today:,} due within 24 hours" if ready.due_today else ""
            yield f"Install now: {late}{soon}{how}."
        elif ready.due_today:
            yield f"Install today: {counted(ready.due_today, *patches)} due within 24 hours{how}."
    for row in part.due:
        yield from _hindered(environment, row, owner)


_BEFORE: Final = {
    "not_approved": (
        "Approve {patches} due in the baseline of {nodes}, which no Install brings before",
        "available_security_update",
    ),
    "rejected": (
        "Remove {patches} that the baseline of {nodes} rejects, due as well",
        "installed_rejected",
    ),
    "offline": (
        "Bring back {nodes} without an answer of the agent, {patches} due there",
        "connection_lost",
    ),
}
"""What is to be done before, and the nodes' `state:`. Scans and reboots that are needed are asked for anyway."""


def _hindered(environment: str, row: DueRow, owner: str) -> Iterable[str]:
    for one in row.hindered:
        if one.why not in _BEFORE:
            continue
        what, state = _BEFORE[one.why]
        patches = counted(one.patches, f"{row.severity} patch", f"{row.severity} patches")
        said = what.format(patches=patches, nodes=counted(one.nodes, "node"))
        how = _how(f"nodes {environment} state:{state}", owner)
        yield f"{said}{how}."


def _install(environment: str, row: DueRow, owner: str) -> str:
    """The plan for exactly what is urgent, where that is little and can be named in a sentence."""
    named = not row.more_urgent and all(_PLAIN.fullmatch(one) for one in row.urgent)
    patches = f" patches:{','.join(row.urgent)}" if named and row.urgent else ""
    return _how(f"install {environment}{patches}", owner)


def _how(sentence: str, owner: str) -> str:
    """The command for it; none for an owner whose name would have to be quoted in ways that nobody can read."""
    if not owner or _PLAIN.fullmatch(owner):
        return f": `/patch {sentence}{f' owner:{owner}' if owner else ''}`"
    return f': `/patch {sentence} owner:"{owner}"`' if _QUOTABLE.fullmatch(owner) else ""


def _looking(environment: str, part: Part, owner: str = "") -> Iterable[str]:
    now = part.now
    for one in part.failing[:LINES]:
        how = _how(f"nodes {environment} state:failed", owner)
        if one.run:
            how = f": `/patch run {one.run}`"
        yield f"See why the Install failed on {counted(one.nodes, 'node')}{how}."
    if len(part.failing) > LINES:
        more = counted(len(part.failing) - LINES, "more run")
        yield f"See why the Install failed in {more}: `/patch runs {environment}`."
    if now.pending_reboot:
        nodes = counted(now.pending_reboot, "node")
        how = _how(f"nodes {environment} state:pending_reboot", owner)
        yield f"Reboot {nodes}, only then what is installed there counts{how}."
    unknown = now.unknown_reasons.never_scanned + now.unknown_reasons.stale
    if unknown:
        how = _how(f"scan {environment} state:unknown", owner)
        yield f"Scan {counted(unknown, 'node')} without fresh data{how}."


def _not_urgent(report: DigestReport, part: Part, owner: str) -> Iterable[str]:
    broken = part.now.nodes.non_compliant
    if broken:
        due, unknown = "Nothing is due today", nodes_not_known(part)
        if not part.now.complete:
            due = "What is due today is not known where nothing could be read"
        if unknown:
            due = f"What is due today is not known for {counted(unknown, 'node')}"
        if not report.deadlines:
            due = "No deadline is known yet"
        how = _how(f"install {report.environment}", owner)
        verb = "is" if broken == 1 else "are"
        plan = f"; plan a run{how}" if how else ""
        yield f"{due}; {counted(broken, 'node')} {verb} non-compliant{plan}."


def unchanged_line(report: DigestReport, part: Part, about: str) -> str:
    """A digest in which nothing changed, in one line; `about` is the environment, or whose part of it."""
    since = part.before.at if part.before else report.as_of
    aside = (beside(report) if part is report.fleet else "", _failed(report.environment, part))
    told = "".join(f" {one}" for one in aside if one)
    return f"{about}: unchanged for {span(report.composed_at - since)}: {in_one_line(part)}.{told}"


def _failed(environment: str, part: Part) -> str:
    """That an Install failed and still is to be seen to, short enough for a day on which nothing changed."""
    if not part.failing:
        return ""
    nodes = sum(one.nodes for one in part.failing)
    runs = [one.run for one in part.failing if one.run]
    how = f"run {runs[0]}" if len(part.failing) == 1 and runs else f"runs {environment}"
    how = how if runs else f"nodes {environment} state:failed"
    return f"An Install failed on {counted(nodes, 'node')} of these: `/patch {how}`."


def still_open(report: DigestReport, *, missed: Sequence[str] = ()) -> tuple[str, ...]:
    """What a digest may not hide in which nothing changed; empty where there is nothing of that kind."""
    under_way = [one for one in report.runs if one.state is not RunState.PAUSED]
    return (
        *_blocked(report, missed),
        *_decisions(report),
        *_patching(report.environment, report.fleet),
        *_later(report, report.fleet),
        *(run_line(one) for one in under_way),
        *(waiver_line(one, report.composed_at) for one in report.waivers_ending),
        *report.notices,
    )


def owner_still_open(report: DigestReport, one: OwnerPart) -> tuple[str, ...]:
    """The same for the nodes of an owner."""
    return (
        *_patching(report.environment, one.part, one.owner),
        *_later(report, one.part),
        *(about_gap(gap, report.composed_at) for gap in report.gaps),
        *report.notices,
    )


def _later(report: DigestReport, part: Part) -> Iterable[str]:
    """What is due within the week, beside what is due today."""
    for row in part.due:
        if row.due > row.due_today:
            yield soon_line(row, report.composed_at)
