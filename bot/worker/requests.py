"""Open requests: reminded of before their time is over, and expired when it is."""

from __future__ import annotations

from bot.core.requests import Request, expire
from bot.services import noticing
from bot.worker.context import Context


def open_requests(ctx: Context) -> tuple[str, ...]:
    """Ids of the requests that wait for a decision, oldest first."""
    return tuple(one.id for one in reversed(ctx.ledger.requests(only_open=True)))


def attend(ctx: Context, request_id: str) -> None:
    """Expire the request if its time has passed; remind people once when it is nearly over."""
    request = ctx.ledger.request(request_id)
    if request is None or not request.is_open or ctx.clock_watch.doubt():
        return
    move = expire(request, ctx.clock())
    if move is not None:
        with ctx.ledger.change() as change:
            change.save_request(move.request, move.entries)
            rules = ctx.rules_for_messages(request.environment)
            noticing.show(change, noticing.about_request(move.request, rules))
            if request.environment not in ctx.rules:
                noticing.show(change, noticing.approvals(ctx.ledger.notices(), request))
    elif _is_nearly_over(ctx, request):
        _remind(ctx, request)


def _is_nearly_over(ctx: Context, request: Request) -> bool:
    """The last quarter of its time, at most what is configured."""
    lead = min(ctx.timing.reminder, (request.expires_at - request.created_at) / 4)
    return ctx.clock() >= request.expires_at - lead


def _remind(ctx: Context, request: Request) -> None:
    if request.environment not in ctx.rules:
        return
    wanted = noticing.reminder(request, ctx.rules[request.environment])
    known = {notice.key for notice in ctx.ledger.notices()}
    missing = tuple(notice for notice in wanted if notice.key not in known)
    if missing:
        with ctx.ledger.change() as change:
            noticing.show(change, missing)
