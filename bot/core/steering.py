"""What people may do to a run under way: stop it, or let it go on after a gate closed.

Pure, like the moves of a request: every try gives the run as it is now with its audit entries, refusals included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.core.audit import Entry
from bot.core.identity import Decision, Members, Person
from bot.core.runs import Run, RunState


@dataclass(frozen=True, slots=True)
class Steered:
    """The outcome of a try on a run."""

    run: Run
    decision: Decision
    entries: tuple[Entry, ...]


_STOPPABLE = frozenset({RunState.WAITING, RunState.RUNNING, RunState.PAUSED})


def stop(run: Run, person: Person, *, requester: str, allowed: Members) -> Steered:
    """Cancel the run: its requester, or whoever may approve there. Nodes already at work finish.

    The worker drops what was not sent, cancels its own commands and ends the run. One that has not started stays
    waiting until then: its environment may be another run's.
    """
    decision = Decision(True)
    if not run.is_open:
        decision = Decision(False, f"the run is {_words(run)} already")
    elif run.cancelled_by:
        decision = Decision(False, "the run is being stopped already")
    elif run.state not in _STOPPABLE:
        decision = Decision(False, f"the run is {_words(run)}, there is nothing left to stop")
    elif person.id != requester and not allowed.contains(person):
        decision = Decision(False, "only its requester or an approver can stop a run")
    if not decision.allowed:
        return _refused(run, person, "cancel", decision)
    stopped = replace(
        run,
        version=run.version + 1,
        state=run.state if run.state is RunState.WAITING else RunState.CANCELLING,
        cancelled_by=person.id,
        why="stopped by a person",
    )
    body = {"was": run.state.value, "wave": run.wave}
    return Steered(stopped, decision, (_entry(run, "stopped", person.id, body),))


def proceed(
    run: Run,
    person: Person,
    now: datetime,
    *,
    wave: int,
    waves: int,
    allowed: Members,
    barred: str = "",
) -> Steered:
    """Open the gate after `wave` by hand: an approver lets the next wave start, or the verifying scan after the last.

    `wave` is the one the person saw: a click on an old card never opens a later gate. `barred` is the requester where
    four eyes are asked for. What is left of the wave still has to pass a gate; only what the person saw has not.
    """
    decision = Decision(True)
    if run.state is not RunState.PAUSED:
        decision = Decision(False, f"the run is {_words(run)}: no gate is closed")
    elif wave != run.wave:
        decision = Decision(
            False, f"that card was about wave {wave}; the run is at wave {run.wave}"
        )
    elif now >= run.deadline:
        decision = Decision(False, "the time limit of the run has passed")
    elif person.id == barred:
        decision = Decision(False, "you asked for the run, so somebody else must let it go on")
    elif not allowed.contains(person):
        decision = Decision(False, f"only approvers of {run.environment} can let a run go on")
    if not decision.allowed:
        return _refused(run, person, "continue", decision)
    last = run.wave >= waves
    going = replace(
        run,
        version=run.version + 1,
        state=RunState.VERIFYING if last else RunState.RUNNING,
        wave=run.wave if last else run.wave + 1,
        why="",
        held=(),
        continued=tuple(sorted({*run.continued, *run.held})),
    )
    body = {"wave": run.wave, "held_by": run.why, "batches": list(run.held)}
    return Steered(going, decision, (_entry(run, "continued", person.id, body),))


def _refused(run: Run, person: Person, tried: str, decision: Decision) -> Steered:
    body = {"tried": tried, "reason": decision.reason, "state": run.state.value}
    return Steered(run, decision, (_entry(run, "refused", person.id, body),))


def _entry(run: Run, what: str, actor: str, body: Mapping[str, Any]) -> Entry:
    return Entry(f"run.{what}", actor, f"run/{run.id}", body)


def _words(run: Run) -> str:
    return run.state.value.replace("_", " ")
