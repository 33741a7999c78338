"""EC2 tags of instances: one chain of DescribeTags per key, a thousand tags a page.

Hybrid nodes (mi-…) have no EC2 tags. An endpoint without EC2 costs one quick refusal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.aws.calls import Call, Steps
from bot.aws.pages import pages

OPERATION = "ec2:DescribeTags"
MOST_VALUES = 200  # of one EC2 filter
PAGE = 1000


def values_of(
    keys: Sequence[str],
    *,
    among: Sequence[str] = (),
    of: Sequence[str] = (),
    aside: bool = True,
) -> Steps[dict[str, str]]:
    """Instance id → value of one of these tags; `among` limits it to tags with one of these values.

    `of` are the instances that matter: MOST_VALUES of them cost one page, more are found among the tags of all.
    `aside` says that the reading can do without.
    Filters take wildcards and are therefore escaped; what comes back is compared once more. Raises AwsError.
    """
    found: dict[str, str] = {}
    wanted = frozenset(among)

    def each(rows: list[Mapping[str, Any]]) -> None:
        for row in rows:
            value = row.get("Value") or ""
            if row.get("Key") in keys and (not wanted or value in wanted) and row.get("ResourceId"):
                found[row["ResourceId"]] = value

    filters = [_filter("resource-type", ["instance"]), _filter("key", keys)]
    if 0 < len(among) <= MOST_VALUES:
        filters.append(_filter("value", among))
    if 0 < len(of) <= MOST_VALUES:
        filters.append(_filter("resource-id", of))
    call = Call("ec2", "DescribeTags", {"MaxResults": PAGE, "Filters": filters}, aside=aside)
    yield from pages(call, "Tags", each)
    return found


def _filter(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"Name": name, "Values": [_literal(value) for value in values]}


def _literal(value: str) -> str:
    """The value as EC2 filters read it: * and ? are wildcards, a backslash takes their meaning away."""
    return value.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
