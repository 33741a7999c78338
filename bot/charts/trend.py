"""The trend of an environment as a picture: the percentage by day above, the nodes it is made of below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from bot.charts.canvas import BACKGROUND, GRID, INK, SOFT, Sheet, sheet
from bot.charts.scales import day_ticks, nice_step, percent_scale, place_of, ranges, stretches
from bot.core.trend_reports import TrendReport
from bot.core.trend_words import (
    breached,
    change,
    expected_days,
    long_day,
    missing_days,
    period,
    short_day,
    standing,
)
from bot.core.wording import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH: Final = 1200
HEIGHT: Final = 1220
"""Twice what Slack shows on a desktop, so that it is sharp there."""
_TITLE, _TEXT, _SMALL = 54, 38, 36
"""A phone of 390 pixels shows the picture about 338 wide: then the smallest text is as high as ten of its pixels."""

COMPLIANT: Final = "#0072b2"
NON_COMPLIANT: Final = "#d55e00"
UNKNOWN: Final = "#7d828a"
_HATCH: Final = "#b9bec6"
LINE: Final = INK
"""Blue, vermilion and grey of Okabe and Ito: told apart with any kind of colour vision, and by their order."""

_EDGE: Final = 40
_LEFT, _RIGHT = 160, 50
_TOP, _BOTTOM = 410, 150
_GAP: Final = 150
_SHARE = 0.5
_RUN_LABELS: Final = 5
_RUN_LINES: Final = 12


def trend_picture(report: TrendReport, *, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A PNG of exactly `width` x `height` pixels; with less than two days it says so in words.

    Call it from any thread; it takes about 0.3 s, the first time longer. Raises OSError where matplotlib finds no
    directory to write its list of fonts to.
    """
    with sheet(width, height) as paper:
        _line(paper, 84, standing(report), _TITLE, bold=True)
        if len(report.points) < 2:
            _say_why_empty(paper, report)
        else:
            _Trend(paper, report).draw()
        return paper.png()


def _line(
    paper: Sheet, y: float, words: str, pixels: float, *, bold: bool = False, color: str = INK
) -> None:
    """A line of words over the whole width, smaller where it would not fit; nothing without words."""
    if not words:
        return
    size = paper.fitting(words, pixels, paper.width - 2 * _EDGE, bold=bold)
    paper.write(_EDGE, y, words, size, bold=bold, color=color)


def _say_why_empty(paper: Sheet, report: TrendReport) -> None:
    lines = [
        "There is no snapshot yet.",
        "The first one is taken with the next reading of the day.",
    ]
    if report.points:
        point = report.points[0]
        nodes = point.nodes
        lines = [
            f"{long_day(point.day)} is the only day with a snapshot so far.",
            f"{nodes.compliant:,} compliant, {nodes.non_compliant:,} non-compliant, {nodes.unknown:,} unknown.",
            "The line begins with the second day.",
        ]
    for number, line in enumerate(lines):
        _line(paper, 180 + 60 * number, line, _TEXT, color=SOFT)


class _Trend:
    """The two panels of one report, over one axis of days."""

    def __init__(self, paper: Sheet, report: TrendReport) -> None:
        self._paper = paper
        self._report = report
        self._stretches = tuple(stretches(report.points))
        days = expected_days(report)
        self._span = (days[0].toordinal() - 0.5, days[-1].toordinal() + 0.5)
        width = paper.width - _LEFT - _RIGHT
        room = paper.height - _TOP - _BOTTOM - _GAP
        self._pixels_a_day = width / (self._span[1] - self._span[0])
        upper = room * _SHARE
        self._percent = paper.panel(_LEFT, _TOP, width, upper)
        self._lower = _TOP + upper + _GAP
        self._nodes = paper.panel(_LEFT, self._lower, width, room - upper)

    def draw(self) -> None:
        """All of it."""
        report = self._report
        told = [f"{_upper(one)}." for one in (change(report), breached(report)) if one]
        for number, words in enumerate(told):
            _line(self._paper, 150 + 50 * number, words, _TEXT)
        days = f"By day (UTC), {period(report)}"
        _line(self._paper, 152 + 50 * len(told), days, _SMALL, color=SOFT)
        above = "Compliant, % of all nodes (unknown ones too)"
        _line(self._paper, _TOP - 74, above, _TEXT, bold=True)
        _line(self._paper, self._lower - 74, "Nodes", _TEXT, bold=True)
        for axes in (self._percent, self._nodes):
            axes.set_xlim(*self._span)
            self._mark_missing(axes)
        self._draw_percent()
        self._draw_nodes()
        self._mark_runs()
        self._days()
        self._legend()

    def _draw_percent(self) -> None:
        axes = self._percent
        values = [one.compliance_percent for one in self._report.points]
        low, high, step = percent_scale([value for value in values if value is not None])
        axes.set_ylim(low, high + (high - low) * 0.04)
        self._ticks(axes, [low + step * n for n in range(int((high - low) / step) + 1)], " %")
        for stretch in self._stretches:
            for part in stretches([one for one in stretch if one.compliance_percent is not None]):
                days = [one.day.toordinal() for one in part]
                percents = [one.compliance_percent or 0.0 for one in part]
                dot = "o" if len(part) == 1 else ""
                axes.plot(days, percents, color=LINE, linewidth=4, marker=dot, markersize=9)
        for point in self._report.points:
            if not point.complete and point.compliance_percent is not None:
                x, y = point.day.toordinal(), point.compliance_percent
                axes.plot([x], [y], "o", color=LINE, markerfacecolor=BACKGROUND, markersize=12,
                          markeredgewidth=3, clip_on=False)  # fmt: skip
        last = self._report.points[-1]
        if last.compliance_percent is not None:
            axes.plot([last.day.toordinal()], [last.compliance_percent], "o", color=LINE, markersize=13,
                      markerfacecolor=LINE if last.complete else BACKGROUND, clip_on=False)  # fmt: skip

    def _draw_nodes(self) -> None:
        axes = self._nodes
        most = max(one.nodes.total for one in self._report.points) or 1
        step = nice_step(most / 3)
        axes.set_ylim(0, most * 1.06)
        self._ticks(axes, [step * n for n in range(int(most * 1.06 / step) + 1)], "")
        line = 2 if self._pixels_a_day > 8 else 0.8
        for stretch in self._stretches:
            first, last = stretch[0].day.toordinal(), stretch[-1].day.toordinal()
            edges = [day - 0.5 for day in range(first, last + 2)]
            base = [0] * len(stretch)
            for color, counts in (
                (COMPLIANT, [one.nodes.compliant for one in stretch]),
                (NON_COMPLIANT, [one.nodes.non_compliant for one in stretch]),
                (UNKNOWN, [one.nodes.unknown for one in stretch]),
            ):
                top = [below + count for below, count in zip(base, counts, strict=True)]
                axes.stairs(top, edges, baseline=base, fill=True, color=color, linewidth=0)
                if any(base):
                    axes.stairs(base, edges, baseline=None, color=BACKGROUND, linewidth=line)
                base = top
        self._name_areas()

    def _name_areas(self) -> None:
        """The last day's counts above the areas, each with its colour, from the lowest area up."""
        nodes = self._report.points[-1].nodes
        parts = (
            (f"{nodes.compliant:,} compliant", COMPLIANT),
            (f"{nodes.non_compliant:,} non-compliant", NON_COMPLIANT),
            (f"{nodes.unknown:,} unknown", UNKNOWN),
        )
        room = self._paper.width - 2 * _EDGE
        whole = "   ".join(f"■ {words}" for words, _ in parts)
        size = self._paper.fitting(whole, _SMALL, room)
        x: float = _EDGE
        for words, color in parts:
            self._paper.write(x, self._lower - 24, "■", size, color=color)
            x += self._paper.extent("■ ", size)
            self._paper.write(x, self._lower - 24, words, size)
            x += self._paper.extent(f"{words}   ", size)

    def _ticks(self, axes: Axes, values: Sequence[float], unit: str) -> None:
        axes.set_yticks(list(values))
        axes.set_yticklabels([f"{value:,.0f}{unit}" for value in values])
        for label in axes.get_yticklabels():
            label.set(**self._paper.style(_SMALL, color=SOFT))
        axes.grid(axis="y", color=GRID, linewidth=1)

    def _mark_missing(self, axes: Axes) -> None:
        """Days without a snapshot are hatched in both panels: nothing is drawn where nothing is known."""
        for first, last in ranges(missing_days(self._report)):
            axes.axvspan(
                first - 0.5,
                last + 0.5,
                facecolor=BACKGROUND,
                edgecolor=_HATCH,
                hatch="//",
                linewidth=0,
            )

    def _mark_runs(self) -> None:
        """Where install runs ended: a sign, and where there is room a line through both panels and what was closed."""
        runs = sorted(self._report.runs, key=lambda one: one.ended_at)
        places = [place_of(one.ended_at) for one in runs]
        apart = [(b - a) * self._pixels_a_day for a, b in pairwise(places)]
        labelled = len(runs) <= _RUN_LABELS and min(apart, default=999.0) > 220
        for place, run in zip(places, runs, strict=True):
            if not self._span[0] <= place <= self._span[1]:
                continue
            for axes in (self._percent, self._nodes) if len(runs) <= _RUN_LINES else ():
                axes.axvline(place, color=INK, linewidth=2.4, linestyle=(0, (3, 3)), zorder=2.5)
            above = self._percent.get_xaxis_transform()
            self._percent.plot(
                [place], [1], "v", color=INK, markersize=16, clip_on=False, transform=above
            )
            if labelled:
                self._percent.annotate(
                    f"{run.closed:,} closed",
                    (place, 1),
                    xycoords=above,
                    xytext=(0, 13),
                    textcoords="offset points",
                    horizontalalignment="center",
                    annotation_clip=False,
                    **self._paper.style(_SMALL, color=INK),
                )

    def _days(self) -> None:
        ticks = day_ticks(expected_days(self._report))
        for axes, labels in ((self._percent, False), (self._nodes, True)):
            axes.set_xticks([day.toordinal() for day in ticks])
            axes.set_xticklabels([short_day(day) if labels else "" for day in ticks])
            for label in axes.get_xticklabels():
                label.set(**self._paper.style(_SMALL, color=SOFT))
            axes.tick_params(axis="x", length=8, color=SOFT, pad=6)

    def _legend(self) -> None:
        """What the signs mean, as far as they are there."""
        report = self._report
        signs = []
        if report.runs:
            signs.append("▼ install run")
        if any(not point.complete for point in report.points):
            signs.append("○ not all could be read")
        if missing_days(report):
            signs.append(f"▨ no snapshot ({counted(len(missing_days(report)), 'day')})")
        _line(self._paper, self._paper.height - 32, "     ".join(signs), _SMALL, color=SOFT)


def _upper(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"
