"""`install`: what an Install would do on which nodes. In Slack the answer is the form in which it is asked for."""

from __future__ import annotations

from bot.chatops import plan_views
from bot.chatops.command import Command
from bot.chatops.context import Context
from bot.chatops.plan_views import InstallArguments
from bot.core.change_reports import PlanReport
from bot.core.identity import Role
from bot.core.plans import Operation
from bot.core.proposals import Proposal


def run(arguments: InstallArguments, context: Context) -> PlanReport:
    """The plan as it would be now. Raises what drafting raises."""
    proposal = Proposal(
        environment=arguments.environment,
        operation=Operation.INSTALL,
        filter=arguments.filter(),
        named=arguments.nodes,
        only_patches=arguments.wanted_patches(),
        reboot_option=arguments.reboot_option(),
    )
    return context.changes.preview(proposal, refresh=True, progress=context.progress)


COMMAND = Command(
    name="install",
    asks_ledger=True,
    summary="plan an Install: pre-flight and preview, then approval, waves and a receipt",
    arguments=InstallArguments,
    run=run,
    slack=plan_views.card,
    terminal=plan_views.terminal,
    modal=plan_views.modal,
    role=Role.REQUESTER,
    examples=(
        "install prod",
        "install prod owner:payments severity:critical",
        "install prod patches:KB5034441,CVE-2026-1111",
        "install staging reboot:no",
        "install prod nodes:A-12",
        "install prod nodes:D-3/2026-11-27",
    ),
    details=(
        "Nothing is sent before it is approved. `patches:` picks the nodes that miss one of them; the Install still"
        " brings everything that their baseline approves. A terminal only shows the plan: it is asked for in Slack."
    ),
    exit_code=plan_views.exit_code,
)
