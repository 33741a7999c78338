"""The nodes behind `nodes:`: instance ids, an alert's (A-12), or those that a digest counted (D-3/2026-11-27)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from bot.core.errors import NotFound
from bot.core.figures import Judged
from bot.core.history import HistoryStore, Snapshot, SnapshotKind
from bot.core.judgement import Status
from bot.core.ledger import Ledger
from bot.core.nodes import NodeKey
from bot.core.proposals import ALERT_ID, DIGEST_ID, Proposal
from bot.core.selection import Filter, select
from bot.services.alert_log import find_alert
from bot.services.subscribing import find_slot

MADE_WITHIN: Final = timedelta(hours=1)
"""What a digest was made from is at most so much older than its posting."""


class NamedNodes:
    """Looks up what a button or a person named, in the ledger and in the history."""

    def __init__(self, ledger: Ledger | None, history: HistoryStore | None = None) -> None:
        self._ledger = ledger
        self._history = history

    def find(self, proposal: Proposal, judged: Sequence[Judged]) -> set[NodeKey]:
        """The named nodes that are in the environment still.

        Raises NotFound for an alert or a digest that is not there or of another environment, and for an id that nobody
        has.
        """
        there = {one.seen.node.key for one in judged}
        found: set[NodeKey] = set()
        for word in proposal.words:
            if ALERT_ID.fullmatch(word):
                found |= self._of_alert(word, proposal.environment, judged) & there
                continue
            if DIGEST_ID.fullmatch(word):
                found |= self._of_digest(word, proposal.environment) & there
                continue
            bearing = {key for key in there if key.instance_id == word.casefold()}
            if not bearing:
                raise NotFound(
                    f"There is no node “{word}” in {proposal.environment}.",
                    hint="`nodes:` takes instance ids and the ids of alerts and digests, by comma.",
                )
            found |= bearing
        if not found:
            raise NotFound(f"None of the nodes is in {proposal.environment} any more.")
        return found

    def _of_alert(self, alert_id: str, environment: str, judged: Sequence[Judged]) -> set[NodeKey]:
        """Its nodes. A window does not say which it was for: then those that are not compliant."""
        if self._ledger is None:
            raise NotFound(f"There is no alert {alert_id} here.")
        alert, _ = find_alert(self._ledger, alert_id)
        if alert.environment != environment:
            raise NotFound(f"{alert.id} is about {alert.environment}, not about {environment}.")
        return set(alert.nodes) or {one.seen.node.key for one in select(judged, Filter())}

    def _of_digest(self, digest_id: str, environment: str) -> set[NodeKey]:
        """The nodes that it counted as non-compliant, by the snapshot that was kept of what it was made from."""
        found = find_slot(self._ledger, *digest_id.split("/")) if self._ledger is not None else None
        if found is None:
            raise NotFound(f"There is no digest {digest_id} here.")
        subscription, slot = found
        if subscription.environment != environment:
            raise NotFound(
                f"{digest_id} is about {subscription.environment}, not about {environment}."
            )
        posted = slot.posting_at
        kept: Sequence[Snapshot] = ()
        if self._history is not None and posted is not None:
            kept = self._history.snapshots(
                environment, since=posted - MADE_WITHIN, until=posted, digests=True
            )
        made_from = [one for one in kept if one.kind is SnapshotKind.DIGEST]
        if self._history is None or not made_from:
            raise NotFound(
                f"Which nodes {digest_id} counted is not known (any more).",
                hint=f"`/patch install {environment}` plans for all that are not compliant now.",
            )
        nodes = self._history.nodes_at(environment, made_from[-1].at)
        return {one.key for one in nodes if one.status is Status.NON_COMPLIANT}
