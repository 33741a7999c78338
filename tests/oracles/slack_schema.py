"""Judge one: JSON Schemas made of the types Slack publishes (npm @slack/types). Knows shapes, no lengths.

`tests/oracles/prepare` makes the schemas; where they are absent this judge is silent and `AVAILABLE` is False.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

_SCHEMAS = Path(__file__).parents[2] / "build" / "oracles"
AVAILABLE = all(
    (_SCHEMAS / f"{name}.json").exists() for name in ("KnownBlock", "ModalView", "HomeView")
)
LEFT_OUT = "SLACK SCHEMA TESTS LEFT OUT: run tests/oracles/prepare (needs Node 18+ and npm)"


def complaints(blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with blocks, as far as Slack's types know; nothing where there are no schemas."""
    if not AVAILABLE:
        return []
    return [fault for block in blocks for fault in _faults("KnownBlock", block)]


def view_complaints(view: Mapping[str, Any]) -> list[str]:
    """What is wrong with a modal or a Home tab; its blocks are judged apart, for a view's type is loose on them."""
    if not AVAILABLE:
        return []
    name = "HomeView" if view.get("type") == "home" else "ModalView"
    return _faults(name, {**view, "blocks": []}) + complaints(view.get("blocks", []))


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator(json.loads((_SCHEMAS / f"{name}.json").read_text("utf-8")))


def _faults(name: str, value: Mapping[str, Any]) -> list[str]:
    error = best_match(_validator(name).iter_errors(value))
    return [f"@slack/types: {value.get('type')}: {error.message[:300]}"] if error else []
