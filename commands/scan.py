"""`scan`: which nodes a Scan would look at. In Slack the answer is the form in which it is asked for."""

from __future__ import annotations

from bot.chatops import plan_views
from bot.chatops.command import Command
from bot.chatops.context import Context
from bot.chatops.plan_views import ScanArguments
from bot.core.change_reports import PlanReport
from bot.core.identity import Role
from bot.core.plans import Operation, RebootOption
from bot.core.proposals import Proposal


def run(arguments: ScanArguments, context: Context) -> PlanReport:
    """The plan as it would be now. Raises what drafting raises."""
    proposal = Proposal(
        environment=arguments.environment,
        operation=Operation.SCAN,
        filter=arguments.filter(),
        named=arguments.nodes,
        reboot_option=RebootOption.NO_REBOOT,
    )
    return context.changes.preview(proposal, refresh=True, progress=context.progress)


COMMAND = Command(
    name="scan",
    asks_ledger=True,
    summary="have the nodes of an environment scanned again",
    arguments=ScanArguments,
    run=run,
    slack=plan_views.card,
    terminal=plan_views.terminal,
    modal=plan_views.modal,
    role=Role.REQUESTER,
    examples=("scan prod", "scan prod state:stale", "scan prod owner:payments"),
    details=(
        "A scan changes nothing on a node and needs no approval unless the configuration says so. A node is scanned"
        " only so often in an hour. A terminal only shows the plan: it is asked for in Slack."
    ),
    exit_code=plan_views.exit_code,
)
