"""A sheet to draw on, measured in pixels, that becomes a PNG without a display and without pyplot."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

DPI: Final = 100
BACKGROUND: Final = "#f7f8fa"
"""Solid, because nobody knows the reader's theme: light enough to be at home in one, not to glare in the other."""
INK: Final = "#1d1c1d"
SOFT: Final = "#5b5f66"
GRID: Final = "#d8dbe0"

# matplotlib keeps its settings and its fonts in globals.
_drawing: Final = threading.Lock()


class Sheet:
    """A figure of `width` x `height` pixels. Positions are in pixels from the top left corner."""

    def __init__(self, width: int, height: int) -> None:
        import matplotlib
        from matplotlib.figure import Figure
        from matplotlib.font_manager import FontProperties

        self.width, self.height = width, height
        self.figure: Figure = Figure(
            figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND
        )
        fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        # By file, so that no font of the machine changes the picture.
        self._fonts = {
            bold: FontProperties(fname=fonts / name)
            for bold, name in ((False, "DejaVuSans.ttf"), (True, "DejaVuSans-Bold.ttf"))
        }

    def style(self, pixels: float, *, bold: bool = False, color: str = INK) -> dict[str, Any]:
        """What makes a text of ours: its font, its size, and that it is no formula."""
        font = self._fonts[bold].copy()
        font.set_size(pixels * 72 / DPI)
        return {"fontproperties": font, "color": color, "parse_math": False}

    def write(self, x: float, y: float, words: str, pixels: float, **more: Any) -> Text:
        """Words whose baseline begins at (x, y)."""
        style = self.style(pixels, bold=more.pop("bold", False), color=more.pop("color", INK))
        return self.figure.text(x / self.width, 1 - y / self.height, words, **style, **more)

    def fitting(self, words: str, pixels: float, room: float, *, bold: bool = False) -> float:
        """The size at which `words`, which are not blank, take up at most `room` pixels, `pixels` if they do anyway."""
        return pixels * min(1.0, room / max(self.extent(words, pixels, bold=bold), 1.0))

    def extent(self, words: str, pixels: float, *, bold: bool = False) -> float:
        """About how many pixels wide the words are."""
        from matplotlib.textpath import TextPath

        # The outline ends with the ink: a mark behind the words makes trailing blanks count.
        font, mark = self._fonts[bold], "."
        ends = (
            TextPath((0, 0), f"{one}{mark}", size=pixels, prop=font).get_extents().width
            for one in (words, "")
        )
        # Hinting makes what is drawn a little wider than its outline.
        return 1.05 * (next(ends) - next(ends))

    def panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """A coordinate system at that place, without a frame."""
        axes = self.figure.add_axes(
            (
                left / self.width,
                1 - (top + height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        axes.set_facecolor(BACKGROUND)
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(SOFT)
        axes.tick_params(length=0)
        axes.set_axisbelow(True)
        return axes

    def png(self) -> bytes:
        """The sheet as a file that holds nothing but the picture: neither a date nor a version."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        out = io.BytesIO()
        FigureCanvasAgg(self.figure).print_png(out, metadata={"Software": None})  # type: ignore[no-untyped-call]
        return out.getvalue()


@contextmanager
def sheet(width: int, height: int) -> Iterator[Sheet]:
    """A sheet to draw on, one at a time; matplotlib is as it comes, whatever the machine has configured."""
    with _drawing:
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams["hatch.linewidth"] = 2
            yield Sheet(width, height)
