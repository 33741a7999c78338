"""Golden files: what a card or a terminal answer looked like when somebody last looked at it and liked it.

`PATCHBOT_GOLDEN=rewrite pytest tests/commands` writes them anew; look at the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from io import StringIO
from pathlib import Path

from rich.console import Console, RenderableType

from bot.chatops.reply import Card

FOLDER = Path(__file__).parent / "golden"
REWRITE = os.environ.get("PATCHBOT_GOLDEN") == "rewrite"


def in_terminal(part: RenderableType, *, width: int = 80) -> str:
    """As a terminal of that width without colours shows it; spaces at line ends are no part of it."""
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(part)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def assert_card(card: Card, name: str) -> None:
    """The card is the one in `golden/<name>.json`."""
    whole = {"text": card.text, "blocks": list(card.blocks)}
    _assert(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", f"{name}.json")


def assert_text(text: str, name: str) -> None:
    """The text is the one in `golden/<name>.txt`."""
    _assert(text, f"{name}.txt")


def _assert(found: str, name: str) -> None:
    file = FOLDER / name
    if REWRITE:
        FOLDER.mkdir(exist_ok=True)
        file.write_text(found, "utf-8")
    assert found == file.read_text("utf-8"), f"{name} differs; see {Path(__file__).name}"
