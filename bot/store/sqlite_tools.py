"""What makes and migrates our files, from sqlite-utils.

sqlite-utils loads numpy where it finds it, for column types that none of our tables has. It is there for the charts
alone, which load it when one is drawn: whoever only opens a file should not wait for it.
"""

from __future__ import annotations

import sys

_hidden = "numpy" not in sys.modules
if _hidden:
    sys.modules["numpy"] = None  # type: ignore[assignment]  # "import numpy" fails, as where it is not installed
try:
    from sqlite_utils import Database, Migrations
finally:
    if _hidden:
        del sys.modules["numpy"]

__all__ = ["Database", "Migrations"]
