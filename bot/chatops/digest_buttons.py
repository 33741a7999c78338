"""The buttons of a digest: what it counted, and a form that plans for exactly that."""

from __future__ import annotations

from bot.chatops import cards
from bot.chatops.blocks import Element
from bot.chatops.command import Show
from bot.chatops.plan_views import LONGEST_FILTER
from bot.core.digest_reports import DigestReport, OwnerPart


def details(environment: str) -> Element:
    """The status of the environment."""
    return cards.show(
        "Details", Show.PRIVATE, cards.sentence("status", environment), name="details"
    )


def for_fleet(report: DigestReport, slot: str) -> tuple[Element, ...]:
    """Those of the digest of an environment; `slot` is the key of its slot, empty where it has none."""
    name = report.environment
    found = [details(name)]
    if broken := report.fleet.now.nodes.non_compliant:
        found = [*_list_and_plan(name, broken, slot), *found]
    if report.approvals:
        found.append(cards.show("Approvals", Show.PRIVATE, "approvals", name="approvals"))
    return tuple(found)


def for_owner(report: DigestReport, one: OwnerPart, slot: str) -> tuple[Element, ...]:
    """Those of an owner's part."""
    if len(one.owner) > LONGEST_FILTER or not _is_text(one.owner):
        return (details(report.environment),)
    if broken := one.part.now.nodes.non_compliant:
        return _list_and_plan(report.environment, broken, slot, owner=one.owner)
    what = cards.sentence("nodes", report.environment, owner=one.owner, state="all")
    return (cards.show("Nodes", Show.PRIVATE, what, name="list"),)


def _is_text(owner: str) -> bool:
    """Whether Slack takes it: half of a surrogate pair is no text."""
    return owner.encode(errors="ignore").decode() == owner


def _list_and_plan(
    environment: str, broken: int, slot: str, **options: str
) -> tuple[Element, Element]:
    """The plan is for the nodes that the digest counted, which history knows by its slot. Without a slot nobody could
    tell later which they were, and it is for whatever is not compliant then.
    """
    nodes, whom = ({"nodes": slot}, _these(broken)) if slot else ({}, "all non-compliant nodes")
    return (
        cards.show(
            "Non-compliant nodes",
            Show.PRIVATE,
            cards.sentence("nodes", environment, **options),
            name="list",
            style="primary",
        ),
        cards.plan("install", environment, {**nodes, **options}, whom=whom),
    )


def _these(number: int) -> str:
    return f"these {number:,} nodes" if number > 1 else "this node"
