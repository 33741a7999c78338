"""The picture of a trend: its size, its pixels, and that they mean what the report says."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from bot.charts import trend_picture
from bot.charts.canvas import BACKGROUND, DPI, INK, SOFT, Sheet
from bot.charts.trend import COMPLIANT, HEIGHT, NON_COMPLIANT, UNKNOWN, WIDTH
from bot.core.trend_reports import TrendReport
from tests.charts.reports import trend

Color = tuple[int, int, int]
AREAS = (COMPLIANT, NON_COMPLIANT, UNKNOWN)
PLAIN = trend(14, runs=())
PLOT = range(162, WIDTH - 52)
NODES_PANEL = range(820, 1065)
PERCENT_PANEL = range(422, 640)


def color(code: str) -> Color:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def drawn(report: TrendReport, **size: int) -> Image.Image:
    image = Image.open(io.BytesIO(trend_picture(report, **size)))
    assert image.format == "PNG"
    return image.convert("RGBA")


def columns_of(image: Image.Image, code: str, rows: range) -> list[int]:
    """The columns of the panels that have this very colour somewhere in `rows`."""
    wanted = (*color(code), 255)
    pixels = image.load()
    assert pixels is not None
    return [x for x in PLOT if any(pixels[x, y] == wanted for y in rows)]


def test_it_has_the_size_that_was_asked_and_no_hole_for_a_theme_to_shine_through() -> None:
    """Opaque everywhere: so what is readable on it is readable in Slack's light and dark theme."""
    image = drawn(PLAIN)
    assert image.size == (WIDTH, HEIGHT)
    assert image.getchannel("A").getextrema() == (255, 255)
    assert drawn(PLAIN, width=900, height=1000).size == (900, 1000)


def linear(rgb: Color) -> list[float]:
    """The light behind the numbers (sRGB)."""
    parts = (value / 255 for value in rgb)
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def luminance(rgb: Color) -> float:
    """WCAG 2.1, relative luminance."""
    red, green, blue = linear(rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Color, other: Color) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_lines_and_areas_stand_out_from_the_background() -> None:
    """By the pixels that are there: 3:1 for what is drawn, 4.5:1 for what is written."""
    image = drawn(trend(14, missing=(3,)))
    counts = Counter(image.convert("RGB").get_flattened_data())
    background, _ = counts.most_common(1)[0]
    assert background == color(BACKGROUND)
    for code, least, pixels in (
        (INK, 4.5, 2000),
        (SOFT, 4.5, 500),
        *((c, 3.0, 2000) for c in AREAS),
    ):
        assert counts[color(code)] > pixels, code
        assert contrast(color(code), background) >= least, code


# Machado, Oliveira and Fernandes, 2009, severity 1.0; on linear RGB.
DEFICIENCIES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}  # fmt: skip


def seen(rgb: Color, name: str) -> tuple[float, float, float]:
    """CIE L*a*b* (D65) of a colour as somebody with that deficiency sees it."""
    rows = (sum(m * v for m, v in zip(row, linear(rgb), strict=True)) for row in DEFICIENCIES[name])
    r, g, b = (min(max(value, 0), 1) for value in rows)
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("name", DEFICIENCIES)
def test_colour_blind_people_tell_the_areas_apart(name: str) -> None:
    """A colour difference of 20 is about ten times what one can just see."""
    for one, other in combinations(AREAS, 2):
        a, b = seen(color(one), name), seen(color(other), name)
        assert sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5 > 20, (one, other)


def test_a_day_without_a_snapshot_is_a_gap_in_both_panels() -> None:
    """No area stands there and no line crosses it."""
    whole, image = drawn(PLAIN), drawn(trend(14, runs=(), missing=(5, 6)))
    all_days = columns_of(whole, COMPLIANT, NODES_PANEL)
    there = columns_of(image, COMPLIANT, NODES_PANEL)
    assert len(there) / len(all_days) == pytest.approx(12 / 14, abs=0.01)
    gap = sorted({x for x in all_days if x not in there})
    inner = set(gap[2:-2])  # beside the edges, which are smoothed
    assert inner
    assert not inner & set(columns_of(image, INK, PERCENT_PANEL))
    assert inner & set(columns_of(whole, INK, PERCENT_PANEL))


def variants() -> Iterator[tuple[str, TrendReport]]:
    point = PLAIN.points[6]
    worse = point.model_copy(
        update={"nodes": point.nodes.model_copy(update={"compliant": point.nodes.compliant - 40,
                                                        "non_compliant": point.nodes.non_compliant + 40})}
    )  # fmt: skip
    half = point.model_copy(update={"complete": False})
    for name, changed in (("counts", worse), ("completeness", half)):
        points = (*PLAIN.points[:6], changed, *PLAIN.points[7:])
        yield name, PLAIN.model_copy(update={"points": points})
    yield "runs", trend(14)
    yield "deadlines", PLAIN.model_copy(update={"deadlines": ()})


@pytest.mark.parametrize(("name", "other"), [*variants()])
def test_what_differs_in_the_report_differs_in_the_picture(name: str, other: TrendReport) -> None:
    """Counts, completeness, runs and what is past its deadline are all to be seen."""
    assert trend_picture(other) != trend_picture(PLAIN), name


def test_a_day_that_was_not_read_whole_is_a_hollow_mark_on_the_line() -> None:
    """Where the line would be there is background: told from a day that is only low."""
    points = tuple(
        point.model_copy(update={"complete": point.day.day != 20}) for point in PLAIN.points
    )
    whole = drawn(PLAIN).convert("RGB").load()
    half = drawn(PLAIN.model_copy(update={"points": points})).convert("RGB").load()
    assert whole is not None
    assert half is not None
    assert any(
        whole[x, y] == color(INK) and half[x, y] == color(BACKGROUND)
        for x in PLOT
        for y in PERCENT_PANEL
    )


ELSEWHERE = """
import hashlib, sys
from bot.charts import trend_picture
from bot.core.trend_reports import TrendReport
print(hashlib.sha256(trend_picture(TrendReport.model_validate_json(sys.stdin.read()))).hexdigest())
print(*sorted(name for name in sys.modules if name.startswith(("matplotlib.pyplot", "tkinter"))))
"""


def test_the_same_report_gives_the_same_bytes_whatever_the_machine_has_configured(
    tmp_path: Path,
) -> None:
    """In another process, without a display, with a matplotlibrc of somebody's own and another time zone."""
    rc = tmp_path / "matplotlibrc"
    rc.write_text("backend: TkAgg\nfont.size: 40\naxes.linewidth: 9\nxtick.minor.visible: True\n")
    (tmp_path / "cache").mkdir()
    ended = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=PLAIN.model_dump_json(by_alias=True),
        env={
            "PATH": os.environ["PATH"],
            "MATPLOTLIBRC": str(rc),
            "MPLCONFIGDIR": str(tmp_path / "cache"),
            "TZ": "Pacific/Auckland",
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    digest, imported = ended.stdout.splitlines()
    assert digest == hashlib.sha256(trend_picture(PLAIN)).hexdigest()
    assert imported == ""


def test_threads_do_not_draw_into_each_others_pictures() -> None:
    reports = [PLAIN, trend(7, nodes=48), trend(21, missing=(4,))]
    alone = [trend_picture(report) for report in reports]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(trend_picture, reports))
    assert together == alone


@pytest.mark.parametrize("days", [0, 1])
def test_with_less_than_two_days_it_says_so_in_words(days: int) -> None:
    """Words, and nothing that looks like a trend."""
    report = PLAIN.model_copy(update={"points": PLAIN.points[:days]})
    counts = Counter(drawn(report).convert("RGB").get_flattened_data())
    assert counts[color(SOFT)] > 500
    assert not any(counts[color(code)] for code in AREAS)


@pytest.mark.parametrize(
    "report",
    [
        trend(400, missing=range(200, 230), incomplete=(50,), nodes=12_450),
        trend(8, nodes=0),
        trend(90, missing=range(1, 89), nodes=1),
        trend(30, nodes=3, incomplete=range(30)),
    ],
    ids=["a long year", "no nodes", "two days far apart", "nothing whole"],
)
def test_odd_histories_can_be_drawn(report: TrendReport) -> None:
    assert drawn(report).size == (WIDTH, HEIGHT)


PHONE = 338
"""As wide as the picture is shown on a phone of 390 pixels."""


@pytest.mark.parametrize("nodes", [48, 1000, 12_345])
def test_every_word_can_be_read_on_a_phone(nodes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No word is drawn smaller than nine pixels there, and none runs over the edge or into another."""
    sheets: list[Sheet] = []
    made = Sheet.__init__

    def noted(self: Sheet, width: int, height: int) -> None:
        made(self, width, height)
        sheets.append(self)

    monkeypatch.setattr(Sheet, "__init__", noted)
    trend_picture(trend(30, nodes=nodes, missing=(3,), incomplete=(5,)))
    (paper,) = sheets
    found = paper.figure.findobj(lambda one: isinstance(one, Text) and one.get_visible())
    texts = [one for one in found if isinstance(one, Text) and one.get_text().strip()]
    assert len(texts) > 12
    renderer = FigureCanvasAgg(paper.figure).get_renderer()  # type: ignore[no-untyped-call]
    boxes = [(one.get_text(), one.get_window_extent(renderer)) for one in texts]
    for text in texts:
        pixels = float(text.get_fontsize()) * DPI / 72
        assert pixels * PHONE / WIDTH >= 9, text.get_text()
    for words, box in boxes:
        assert box.x0 >= 0, words
        assert box.x1 <= WIDTH, words
    for (words, one), (others, other) in combinations(boxes, 2):
        assert not one.padded(-3).overlaps(other.padded(-3)), (words, others)
