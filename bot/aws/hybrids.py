"""Tags of hybrid nodes (mi-…): one call a node, so they are kept for days and asked for in moderation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bot.aws.calls import Call, Round, Steps
from bot.aws.rows import text
from bot.core.environments import Account
from bot.core.errors import AwsError

OPERATION = "ssm:ListTagsForResource"
AGED = 3600.0  # seconds after which they are asked for again, as far as there is room
KEPT = 48 * 3600.0
ROOM = 60  # calls that a reading may take for everything together; the nodes beyond wait for the next readings
LEAST = 5  # the share of the tags in a reading that takes more than that anyway


class _Kept(NamedTuple):
    at: float
    tags: dict[str, str]


class HybridTags:
    """Reads the tags of hybrid nodes. Safe to use from several threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[tuple[Account, str, str], _Kept] = {}

    def read(
        self, around: Round, instance_ids: Sequence[str]
    ) -> tuple[dict[str, dict[str, str]], AwsError | None]:
        """Instance id → tags, of as many as are known or may be asked about now, and what went wrong if anything.

        The first node is asked about alone: where that is not allowed, the others need not be tried.
        """
        found, wanted = self._known(around, instance_ids)
        wanted = wanted[: max(LEAST, ROOM - around.calls)]
        error = None
        for some in (wanted[:1], wanted[1:]):
            futures = [(key, around.start(self._ask(around, key))) for key in some]
            for key, future in futures:
                try:
                    found[key] = around.wait_aside(future, OPERATION)
                except AwsError as refusal:
                    error = refusal
            if error is not None:
                break
        return found, error

    def _known(
        self, around: Round, instance_ids: Sequence[str]
    ) -> tuple[dict[str, dict[str, str]], list[str]]:
        """Instance id → tags that were read before, and whom to ask about: the unknown first, then the oldest."""
        now, place = self._monotonic(), (around.target.account, around.target.region)
        with self._lock:
            kept = {
                key: known
                for key in instance_ids
                if (known := self._kept.get((*place, key))) is not None and now - known.at < KEPT
            }
        aged = [key for key, known in kept.items() if now - known.at >= AGED]
        unknown = [key for key in instance_ids if key not in kept]
        wanted = unknown + sorted(aged, key=lambda key: kept[key].at)
        return {key: known.tags for key, known in kept.items()}, wanted

    def _ask(self, around: Round, instance_id: str) -> Steps[dict[str, str]]:
        arguments = {"ResourceType": "ManagedInstance", "ResourceId": instance_id}
        answer = yield Call("ssm", "ListTagsForResource", arguments, aside=True)
        tags = {text(tag.get("Key")): text(tag.get("Value")) for tag in answer.get("TagList") or []}
        with self._lock:
            key = (around.target.account, around.target.region, instance_id)
            self._kept[key] = _Kept(self._monotonic(), tags)
        return tags
