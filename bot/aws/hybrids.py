"""Tags of hybrid nodes (mi-…): one call a node, so they are kept for an hour and asked for in moderation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from bot.aws.calls import Call, Round, Steps
from bot.aws.rows import text
from bot.core.environments import Account
from bot.core.errors import AwsError

KEPT = 3600.0
MOST_CALLS = 50  # in one reading; the nodes beyond are asked about in the next ones


class HybridTags:
    """Reads the tags of hybrid nodes. Safe to use from several threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: dict[tuple[Account, str, str], tuple[float, dict[str, str]]] = {}

    def read(
        self, around: Round, instance_ids: Sequence[str]
    ) -> tuple[dict[str, dict[str, str]], AwsError | None]:
        """Instance id → tags, of as many as are known or may be asked about now, and what went wrong if anything.

        The first node is asked about alone: where that is not allowed, the others need not be tried.
        """
        found = {
            key: tags for key in instance_ids if (tags := self._known(around, key)) is not None
        }
        unknown = [key for key in instance_ids if key not in found][:MOST_CALLS]
        error = None
        for some in (unknown[:1], unknown[1:]):
            futures = [(key, around.start(self._ask(around, key))) for key in some]
            for key, future in futures:
                try:
                    found[key] = around.wait(future)
                except AwsError as refusal:
                    error = refusal
            if error is not None:
                break
        return found, error

    def _known(self, around: Round, instance_id: str) -> dict[str, str] | None:
        with self._lock:
            kept = self._kept.get((around.target.account, around.target.region, instance_id))
        return kept[1] if kept is not None and self._monotonic() - kept[0] < KEPT else None

    def _ask(self, around: Round, instance_id: str) -> Steps[dict[str, str]]:
        arguments = {"ResourceType": "ManagedInstance", "ResourceId": instance_id}
        answer = yield Call("ssm", "ListTagsForResource", arguments, aside=True)
        tags = {text(tag.get("Key")): text(tag.get("Value")) for tag in answer.get("TagList") or []}
        with self._lock:
            key = (around.target.account, around.target.region, instance_id)
            self._kept[key] = (self._monotonic(), tags)
        return tags
