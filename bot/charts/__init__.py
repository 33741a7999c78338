"""Pictures for Slack: the only importer of matplotlib, and only when a picture is drawn.

A picture is a pure function of its report: the same report gives the same bytes, with the fonts that matplotlib brings.
"""

from bot.charts.trend import trend_picture
from bot.core.trend_words import trend_alt_text

__all__ = ["trend_alt_text", "trend_picture"]
