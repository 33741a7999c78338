"""Reads what comes back from the modals: the body of an inbox item, or errors to show beside the fields. Pure.

Slack signs what it sends, so `private_metadata` is what we put there; what people typed is checked here and again when
the item is taken up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from bot.chatops import modals
from bot.chatops.modals import WAVE_MOST
from bot.core.plans import Operation, RebootOption
from bot.core.proposals import CONCURRENCY, ERRORS, Proposal, proposal_from
from bot.core.wording import counted

Errors = Mapping[str, str]
KINDS: Final = frozenset(
    {modals.REQUEST, modals.APPROVE, modals.DENY, modals.BREAK_GLASS, modals.REVIEW}
)
"""Callback ids whose submission becomes an inbox item of that kind."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission: what becomes of it in the inbox, or the errors by block id that keep the modal open."""

    kind: str
    body: Mapping[str, Any]
    errors: Errors


def read_request(view: Mapping[str, Any], now: datetime) -> Submitted:
    """A filled-in request modal. Raises KeyError, TypeError or ValueError where it is not one of ours."""
    meta, values = _meta(view), _values(view)
    errors: dict[str, str] = {}
    proposal = replace(
        proposal_from(meta["proposal"]),
        reason=_text(values, "reason"),
        ticket=_text(values, "ticket"),
    )
    if proposal.operation is Operation.INSTALL:
        proposal = _with_reboot(proposal, values, errors)
        if "canary" in values:  # a plan of one node has no such fields
            proposal = _with_pace(proposal, values, errors)
        proposal = _with_start(proposal, values, now, errors)
        if not proposal.reason:
            errors["reason"] = "Say why: the approvers decide by it."
    body = {"proposal": proposal.body(), "channel": str(meta.get("channel", ""))}
    return Submitted(modals.REQUEST, body, errors)


def _with_pace(proposal: Proposal, values: Mapping[str, Any], errors: dict[str, str]) -> Proposal:
    """The waves and limits. What is more than the plan that was seen cannot be meant."""
    nodes = proposal.seen or WAVE_MOST
    has = f"The plan has {counted(nodes, 'node')}: "
    canary, size = _number(values, "canary"), _number(values, "wave_size")
    if canary is None:
        errors["canary"] = "A whole number, 0 for no canary."
    elif canary >= nodes:
        errors["canary"] = f"{has}a canary is fewer than that, or 0 for none."
    if size is None or size < 1:
        errors["wave_size"] = "A whole number from 1."
    elif size > nodes:
        errors["wave_size"] = f"{has}a wave has no more than that."
    concurrency, most = _text(values, "max_concurrency"), _text(values, "max_errors")
    if not CONCURRENCY.fullmatch(concurrency):
        errors["max_concurrency"] = "A number from 1, like 5, or a percentage up to 100%, like 10%."
    elif not concurrency.endswith("%") and int(concurrency) > nodes:
        errors["max_concurrency"] = f"{has}no more than that are at work at the same time."
    if not ERRORS.fullmatch(most):
        errors["max_errors"] = "A number from 0, like 1, or a percentage up to 100%, like 10%."
    return replace(
        proposal, canary=canary, wave_size=size, max_concurrency=concurrency, max_errors=most
    )


def _with_reboot(proposal: Proposal, values: Mapping[str, Any], errors: dict[str, str]) -> Proposal:
    reboot = _picked(values, "reboot")
    if reboot not in set(RebootOption):
        errors["reboot"] = "Choose one."
        return proposal
    return replace(proposal, reboot_option=RebootOption(reboot))


def _with_start(
    proposal: Proposal, values: Mapping[str, Any], now: datetime, errors: dict[str, str]
) -> Proposal:
    stamp = _field(values, "start").get("selected_date_time")
    if stamp is None:
        return proposal
    start = datetime.fromtimestamp(int(stamp), UTC)
    if start <= now:
        errors["start"] = "That is in the past. Leave it empty to start as soon as it is approved."
    return replace(proposal, not_before=start)


def read_decision(view: Mapping[str, Any], *, nodes: int | None = None) -> Submitted:
    """A submitted decision. `nodes` is the size of the plan where the ledger was asked for it; it must be typed right.

    Raises ValueError for a modal that is not one of `KINDS`.
    """
    kind = str(view.get("callback_id"))
    if kind not in KINDS - {modals.REQUEST}:
        raise ValueError(f"{kind!r} is no decision")
    meta, values = _meta(view), _values(view)
    body: dict[str, Any] = {
        name: str(meta.get(name, "")) for name in ("request", "digest", "channel")
    }
    errors: dict[str, str] = {}
    for name in ("reason", "note"):
        if name in values:
            body[name] = _text(values, name)
            if not body[name]:
                errors[name] = "This cannot be empty."
    if "typed" in values:
        body["typed"] = _number(values, "typed")
        if body["typed"] is None:
            errors["typed"] = "A whole number."
        elif nodes is not None and body["typed"] != nodes:
            errors["typed"] = (
                "That is not the number of nodes above. Look again before you approve."
            )
    return Submitted(kind, body, errors)


def _meta(view: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        found = json.loads(str(view.get("private_metadata") or "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _values(view: Mapping[str, Any]) -> Mapping[str, Any]:
    state = view.get("state")
    values = state.get("values") if isinstance(state, Mapping) else None
    return values if isinstance(values, Mapping) else {}


def _field(values: Mapping[str, Any], block: str) -> Mapping[str, Any]:
    fields = values.get(block)
    found = fields.get("value") if isinstance(fields, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(values: Mapping[str, Any], block: str) -> str:
    return str(_field(values, block).get("value") or "").strip()


def _number(values: Mapping[str, Any], block: str) -> int | None:
    return _whole(_text(values, block))


def _whole(told: object) -> int | None:
    text = str(told)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _picked(values: Mapping[str, Any], block: str) -> str:
    option = _field(values, block).get("selected_option")
    return str(option.get("value")) if isinstance(option, Mapping) else ""
