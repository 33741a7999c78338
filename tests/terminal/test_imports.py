"""What the terminal does not import: nobody waits for Slack's SDK, or a web server, to read a number."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.terminal.conftest import Shell

HEAVY = {
    "asyncio",
    "boto3",
    "flask",
    "jinja2",
    "matplotlib",
    "moto",
    "numpy",
    "PIL",
    "prometheus_client",
    "pydantic_settings",
    "slack_bolt",
    "slack_sdk",
    "sqlite_utils",
    "starlette",
    "structlog",
    "uvicorn",
    "werkzeug",
}

SCRIPT = """
import json, sys
from bot.__main__ import main
sys.argv = ["patchbot", "patch", "status prod", "--json"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
finally:
    names = sorted({name.partition(".")[0] for name in sys.modules})
    sys.stderr.write(json.dumps(names))
"""


def imported(shell: Shell) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=shell.directory,
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(json.loads(ended.stderr))


def test_serving_imports_what_draws_when_it_draws() -> None:
    """Half a second and 50 MB that nobody needs who never looks at a trend."""
    script = (
        "import json, sys, bot.app, bot.engine, bot.slack.bot, bot.charts, bot.web.app, commands.trend;"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert not {"matplotlib", "numpy", "PIL"} & set(json.loads(ended.stdout))


def test_the_terminal_imports_nothing_it_does_not_need(shell: Shell) -> None:
    """sqlite_utils once, when cache.db is made, and never again."""
    first = imported(shell)
    assert first & HEAVY <= {"sqlite_utils"}
    again = imported(shell)
    assert again & HEAVY == set()
    assert {"pydantic", "sqlite3"} <= again
