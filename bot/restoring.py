"""`patchbot ledger accept-restore`: says what would be lost, asks, and goes on with a restored ledger."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.config import Settings
from bot.core.commands import SentCommand
from bot.core.environments import Target
from bot.core.errors import AwsError
from bot.core.marks import PREFIX
from bot.core.ports import Clock
from bot.core.wording import counted, in_utc, listed
from bot.store.opening import Elsewhere, LedgerPlace, open_for_reading
from bot.store.restore import Accepted, Trouble, accept_restore, what_is_wrong

HISTORY = timedelta(days=30)  # AWS forgets older commands
REFUSED = 2
REWRITTEN = (
    "THIS IS NO RESTORE. Somebody changed the history of this ledger, its heads or its key: {reason}.\n"
    "Approvals and sends may have been taken out of it. Keep a copy of data_dir and of the heads before you go on."
)

Find = Callable[[Target, datetime], Iterable[SentCommand]]


@dataclass(frozen=True, slots=True)
class Strange:
    """Commands of patchbot that AWS has and the ledger does not know, by target, and where it could not be looked."""

    found: tuple[tuple[Target, SentCommand], ...] = ()
    unseen: tuple[str, ...] = ()

    def lines(self) -> Sequence[str]:
        """As people read it."""
        number = counted(len(self.found), "command")
        said = [f"Of patchbot, AWS has {number} of the last 30 days that this copy does not know:"]
        for target, one in self.found:
            at = f", {in_utc(one.requested_at)}" if one.requested_at else ""
            nodes = counted(len(one.instance_ids), "node")
            told = f"{target}: {one.command_id}, {one.operation} on {nodes}{at}, {one.status}"
            said.append(f"- {told} ({one.comment})")
        if not self.found:
            said = [
                "AWS has no command of patchbot of the last 30 days that this copy does not know."
            ]
        return [*said, *(f"It could not be looked in {each}" for each in self.unseen)]


def strange_commands(
    targets: Iterable[Target], known: frozenset[str], find: Find, *, now: datetime
) -> Strange:
    """Look in every target for commands with a mark of ours whose ids are not `known`. Raises nothing AWS may do."""
    found, unseen = [], []
    for target in dict.fromkeys(targets):
        try:
            commands = find(target, now - HISTORY)
        except AwsError as error:
            unseen.append(f"{target}: {error}")
            continue
        found += [
            (target, one)
            for one in commands
            if one.comment.startswith(PREFIX) and one.command_id not in known
        ]
    return Strange(tuple(found), tuple(unseen))


def look(settings: Settings, place: LedgerPlace, *, clock: Clock) -> Strange:
    """What AWS has and the ledger at `place` does not know. Raises StorageError."""
    from bot.aws.commands import AwsCommands
    from bot.aws.gateway import AwsGateway

    ledger = open_for_reading(place, clock=clock)
    known = {one.command_id for run in ledger.runs() for one in ledger.dispatches(run.id)}
    gateway = AwsGateway(time_limit=settings.reading.time_limit.total_seconds())
    try:
        commands = AwsCommands(gateway)
        targets = [target for one in settings.fleet().values() for target in one.targets]
        return strange_commands(
            targets,
            frozenset(known),
            lambda target, since: commands.find(target, since=since),
            now=clock(),
        )
    finally:
        gateway.close()


def accept(
    place: LedgerPlace,
    *,
    clock: Clock,
    rewritten: bool,
    strange: Callable[[], Strange],
    elsewhere: Elsewhere | None,
    confirm: Callable[[str, Trouble], bool],
) -> int:
    """Go on with a restored ledger, once a person has agreed. Returns the exit code.

    Raises UsageError where there is nothing to accept, or only with `rewritten`.
    """
    trouble = what_is_wrong(place, clock=clock, elsewhere=elsewhere)
    if trouble.forged and not rewritten:
        accept_restore(place, clock=clock, elsewhere=elsewhere)  # says why not
    said = [f"The ledger is read-only: {trouble.reason}."]
    if trouble.forged:
        said = [REWRITTEN.format(reason=trouble.reason)]
    if trouble.key_lost:
        said.append(
            "Its key is gone and is made anew: the heads that were kept could not be checked, and commands that were"
            " sent with the old key will not be recognised."
        )
    seen = strange()
    said += seen.lines()
    if not confirm("\n".join(said), trouble):
        _say("Nothing was changed.")
        return REFUSED
    noted = {
        "unknown_commands": [one.command_id for _, one in seen.found],
        "not_looked": list(seen.unseen),
    }
    accepted = accept_restore(
        place, clock=clock, rewritten=rewritten, noted=noted, elsewhere=elsewhere
    )
    _tell(accepted, seen)
    return 0


def _tell(accepted: Accepted, seen: Strange) -> None:
    parts = (
        f"{counted(len(accepted.requests), 'request')} expired",
        f"{counted(len(accepted.runs), 'run')} ended as lost track of",
        f"{counted(accepted.sends, 'planned send')} dropped",
        f"{counted(accepted.slots, 'digest')} marked unknown",
        f"{counted(accepted.clicks, 'click')} discarded",
    )
    _say(f"Accepted, and written to the audit log: {listed(parts)}.")
    if seen.found or seen.unseen:
        _say(
            "Look in Systems Manager, Run Command, for what became of commands that this copy does not know."
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
