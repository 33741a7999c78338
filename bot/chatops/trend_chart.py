"""The picture of a trend for any card: its place among the blocks, and how it is drawn when the card is sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from bot.chatops.blocks import Block, picture
from bot.chatops.reply import Picture
from bot.core.trend_reports import TrendReport
from bot.core.trend_words import trend_alt_text

CHART: Final = "TREND"

Draw = Callable[[TrendReport], bytes]


def trend_chart(report: TrendReport, draw: Draw | None) -> tuple[Block, Picture] | None:
    """The block for `Card.blocks` and the picture for `Card.pictures`.

    None where there is no line to draw, with less than two days, or nothing to draw it with.
    """
    if draw is None or len(report.points) < 2:
        return None
    chart = Picture(CHART, partial(draw, report))
    return picture(chart.place, trend_alt_text(report)), chart
