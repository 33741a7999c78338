"""A closed gate that waits for a person: asked again once at half time, and drawn anew where its message is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.core.ledger import NoticeState
from bot.core.runs import Run, RunState
from bot.services import noticing
from bot.worker.context import Context

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def remind(ctx: Context, run: Run) -> None:
    """Remind people of the gate that is closed, and have its message looked at now and then."""
    if run.state is not RunState.PAUSED or not ctx.memory.due(
        ("gate", run.id), ctx.timing.look_again
    ):
        return
    notices = ctx.ledger.notices()
    subject = f"{run.id}/{run.wave}"
    asked = [one for one in noticing.gates(notices, run) if one.subject == subject]
    known = {one.key for one in notices}
    half_over = ctx.clock() >= _half_time(ctx, run)
    reminders = [noticing.gate_reminder(one) for one in asked if half_over]
    wanted = [one for one in reminders if one.key not in known]
    if ctx.memory.due(("gate seen", run.id), ctx.timing.redraw):
        wanted += [one for one in asked if one.state is NoticeState.POSTED]
    if wanted:
        with ctx.ledger.change() as change:
            noticing.show(change, tuple(wanted))


def _half_time(ctx: Context, run: Run) -> datetime:
    """Half way from the moment it closed to the end of the run's time."""
    links = ctx.ledger.audit(subject=f"run/{run.id}", kind="run.paused", limit=1)
    closed = _EPOCH + timedelta(microseconds=links[0].at_us) if links else run.created_at
    return closed + (run.deadline - closed) / 2
