"""What is looked at once more before a run starts: its approval, its nodes, and what else is at work on them."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.environments import Target
from bot.core.errors import ConfigurationError
from bot.core.plans import Plan
from bot.core.requests import Request
from bot.core.runs import Run
from bot.core.wording import counted, span
from bot.worker.context import Context
from bot.worker.roll import another_fleet, call, last_looks, too_many


def objection(ctx: Context, request: Request, plan: Plan) -> str:
    """Why the approval does not stand any more; empty when it does. Raises AwsError, SlackError, NotAllowed."""
    if why := ctx.objection(request, plan, ctx.backers_now(request)):
        return why
    environment = ctx.environment(request.environment)
    try:
        places = list(_places(ctx, plan))
    except ConfigurationError as error:
        return error.message.rstrip(".")
    gone = sum(
        len(call(ctx, environment, target, ids, during=f"start {request.id}").dropped)
        for target, ids in places
    )
    return another_fleet(plan, gone) if too_many(plan, gone) else ""


def at_work(ctx: Context, plan: Plan) -> str:
    """The patch operation that somebody else has under way on a node of the plan; empty without one."""
    for target, ids in _places(ctx, plan):
        busy = ctx.commands.at_work(target)
        found = [each for each in ids if each in busy]
        if found:
            more = f" and on {counted(len(found) - 1, 'more node')}" if len(found) > 1 else ""
            return f"another patch operation is under way on {found[0]}{more} ({busy[found[0]]})"
    return ""


def stale(ctx: Context, run: Run, plan: Plan) -> str:
    """Why what is known of the nodes is too old to install anything by it; empty when it is not.

    A node that is gone is no matter of this.
    """
    environment, now = ctx.environment(plan.environment), ctx.clock()
    old = []
    for target, ids in _places(ctx, plan):
        looks = last_looks(ctx, environment, target, during=f"start {run.request}")
        for each in ids:
            last = looks.get(each)
            if each in looks and (last is None or now - last >= environment.stale_after):
                old.append(each)
    if not old:
        return ""
    more = f" and {len(old) - 1:,} more" if len(old) > 1 else ""
    return (
        f"the last scan of {old[0]}{more} is older than {span(environment.stale_after)}:"
        " scan first, or ask again"
    )


def _places(ctx: Context, plan: Plan) -> Iterator[tuple[Target, list[str]]]:
    """The nodes of the plan by where they are. Raises ConfigurationError when a place is configured no more."""
    places: dict[tuple[str, str], list[str]] = {}
    for node in plan.nodes:
        places.setdefault((node.key.account, node.key.region), []).append(node.key.instance_id)
    for (account, region), ids in places.items():
        yield ctx.target(plan.environment, account, region), ids
