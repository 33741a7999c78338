"""A receipt (patchbot.receipt/1) in sentences: what is proved, what nobody knows, what is not clean, and what next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from bot.chatops import change_words
from bot.core.plans import Operation
from bot.core.runs import NodeOutcome
from bot.core.wording import counted

IDS_SHOWN: Final = 10
NODES_NAMED: Final = 5
PLACES_SHOWN: Final = 8
_SAID: Final = re.compile(
    "nothing left to install|a new result|not scanned again|not scanned because|not verified: no scan"
)
_TOLD_APART: Final = frozenset({NodeOutcome.SUCCESS, NodeOutcome.PENDING, NodeOutcome.SKIPPED})


def receipt_lines(receipt: Mapping[str, Any]) -> list[str]:
    """The figures of a receipt as sentences; lists are cut and say so."""
    if not receipt:
        return ["The receipt is not written yet."]
    if receipt["rehearsal"]:
        return _rehearsed(receipt)
    nodes = receipt["nodes"]
    untouched = nodes["skipped"] + nodes["pending"]
    if untouched == nodes["planned"]:
        return ["Nothing was sent: no node was touched.", *_why(receipt)]
    scan = receipt["operation"] == Operation.SCAN.value
    lines = [*(_scanned(nodes) if scan else _proved(receipt)), *_outcomes(nodes)]
    if not scan:
        lines += [*_patches(receipt), *_not_clean(receipt)]
    return [*lines, *_why(receipt)]


def found_by_scan(receipt: Mapping[str, Any]) -> str:
    """What a Scan found, in a sentence; empty for anything else, and where nothing was scanned."""
    scan = receipt.get("operation") == Operation.SCAN.value and not receipt["rehearsal"]
    return _scanned(receipt["nodes"])[0] if scan and receipt["nodes"]["rescanned"] else ""


def _scanned(nodes: Mapping[str, Any]) -> list[str]:
    found, good = nodes["rescanned"], nodes.get("compliant", 0)
    has = "has" if found == 1 else "have"
    return [
        f"{found:,} of {counted(nodes['planned'], 'node')} {has} a new result:"
        f" {good:,} compliant, {found - good:,} not."
    ]


def _proved(receipt: Mapping[str, Any]) -> list[str]:
    nodes = receipt["nodes"]
    because = receipt.get("not_scanned_because", "")
    why = f", because {because}" if because else ""
    if not nodes["rescanned"]:
        return [f"Not verified: no scan after it{why}."]
    clean = nodes["clean"]
    lines = [
        f"{clean:,} of {counted(nodes['planned'], 'node')} {'has' if clean == 1 else 'have'} nothing left to install,"
        " by the scan after it."
    ]
    if left := nodes.get("unproven", 0):
        lines.append(f"{counted(left, 'node')} not scanned again{why}.")
    return lines


def _patches(receipt: Mapping[str, Any]) -> list[str]:
    patches, cves = receipt["patches"], receipt["cves"]
    told = [f"{patches['closed']:,} closed", f"{patches['open']:,} still open"]
    if unknown := patches.get("unknown", 0):
        told.append(f"{unknown:,} unknown")
    if patches["pending_reboot"]:
        verb = "waits" if patches["pending_reboot"] == 1 else "wait"
        told.append(f"{patches['pending_reboot']:,} {verb} for a reboot")
    lines = [f"Patches: {', '.join(told)}."]
    if any(cves.get(name) for name in ("closed", "open", "unknown")):
        told = [f"{cves['closed']:,} closed", f"{cves['open']:,} still open"]
        told += [f"{cves['unknown']:,} unknown"] if cves.get("unknown") else []
        lines.append(f"CVEs: {', '.join(told)}.")
    return [*lines, *_named("Patches", patches), *_named("CVEs", cves)]


def _named(kind: str, found: Mapping[str, Any]) -> list[str]:
    """Which ones, the first of each."""
    lines = []
    for name, words in (("closed", "closed"), ("open", "still open"), ("unknown", "unknown")):
        ids = found.get(f"{name}_ids", ())
        more = found.get(f"{name}_more", 0) + max(0, len(ids) - IDS_SHOWN)
        if ids:
            shown = ", ".join(ids[:IDS_SHOWN])
            lines.append(f"{kind} {words}: {shown}{f' and {more:,} more' if more else ''}.")
    return lines


def _not_clean(receipt: Mapping[str, Any]) -> list[str]:
    """Which nodes, what each of them lacks, and what to do about it."""
    found = [one for one in receipt["open_nodes"] if one["outcome"] not in {"skipped", "pending"}]
    known = [one for one in found if one["rescanned"]]
    lines = []
    if found:
        named = [
            f"{one['name'] or one['instance_id']} ({_lacks(one)})" for one in found[:NODES_NAMED]
        ]
        more = [f"{len(found) - NODES_NAMED:,} more"] if len(found) > NODES_NAMED else []
        verb = "is" if len(found) == 1 else "are"
        lines.append(
            f"{counted(len(found), 'node')} {verb} not clean: {', '.join([*named, *more])}."
        )
    if known:
        only_reboots = not any(one["missing"] or one["failed"] for one in known)
        reboot = "An Install with a reboot closes what only waits for one."
        what = (
            reboot if only_reboots else "Look at the first reason, then plan for these nodes again."
        )
        lines.append(f"Next: {what}")
    elif found:
        lines.append(f"Next: `/patch scan {receipt['environment']}` shows what they have now.")
    return lines


def _lacks(node: Mapping[str, Any]) -> str:
    if not node["rescanned"]:
        said = change_words.OUTCOMES[NodeOutcome(node["outcome"])]
        return f"{said}, not scanned again"
    waits = node["pending_reboot"]
    parts = [
        f"{counted(node['missing'], 'patch', 'patches')} missing" if node["missing"] else "",
        f"{counted(node['failed'], 'patch', 'patches')} failed" if node["failed"] else "",
        f"{counted(waits, 'patch', 'patches')} {'waits' if waits == 1 else 'wait'} for a reboot"
        if waits
        else "",
        change_words.OUTCOMES[NodeOutcome(node["outcome"])] if node["outcome"] != "success" else "",
    ]
    return ", ".join(part for part in parts if part)


def _outcomes(nodes: Mapping[str, Any]) -> list[str]:
    bad = [
        f"{nodes[one.value]:,} {words}"
        for one, words in change_words.OUTCOMES.items()
        if one not in _TOLD_APART and nodes.get(one.value)
    ]
    if nodes["not_back"]:
        bad.append(f"{nodes['not_back']:,} not back after the reboot")
    left_out = nodes["skipped"] + nodes["pending"]
    if left_out:
        bad.append(f"{left_out:,} never sent to")
    return [f"Not as planned: {', '.join(bad)}."] if bad else []


def _rehearsed(receipt: Mapping[str, Any]) -> list[str]:
    """What would have been sent, by wave and place."""
    tally: Counter[tuple[int, str]] = Counter()
    for one in receipt["commands"]:
        tally[one["wave"], f"{one['account']}/{one['region']}".strip("/")] += one["nodes"]
    places = sorted((key, number) for key, number in tally.items() if number)
    lines = ["Nothing would have been sent."]
    if places:
        lines = [f"{receipt['operation']} would have been sent:"]
    lines += [
        f"Wave {wave}: to {counted(number, 'node')} in {place}"
        for (wave, place), number in places[:PLACES_SHOWN]
    ]
    if len(places) > PLACES_SHOWN:
        lines.append(f"{counted(len(places) - PLACES_SHOWN, 'more send')}.")
    left = receipt["nodes"]["planned"] - sum(number for _, number in places)
    if left:
        lines.append(
            f"{counted(left, 'node')} would have been left out: gone, or their agents do not answer."
        )
    return lines


def _why(receipt: Mapping[str, Any]) -> list[str]:
    """The reason of the end, without what the lines above say already."""
    parts = [part for part in receipt["why"].rstrip(".").split("; ") if not _SAID.search(part)]
    return [f"Why: {'; '.join(parts)}."] if any(parts) else []
