"""A warm answer of `status` for 10,000 nodes: from memory, from cache.db, and by a new process; then a start.

Warm answers must cost no call. The last line is how long `patchbot patch` needs from the start of its process to its
first call to AWS, interpreter and imports included.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.ssm_server import Running, running
from bot.app import App, create_app
from bot.chatops.context import Surface
from bot.config import load_settings
from bot.core.identity import OPERATOR

CONFIGURATION = '[environments.prod]\nregions = ["eu-central-1"]\n'
SENTENCE = "status prod"
LIMIT_MS = 100
START_LIMIT_S = 0.6


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """The median time of `work`."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def ask(app: App) -> str:
    """The answer as the JSON of its report."""
    return app.desk.answer(SENTENCE, OPERATOR, surface=Surface.TERMINAL).json()


def card(app: App) -> object:
    """The answer as a Slack message."""
    return app.desk.answer(SENTENCE, OPERATOR, surface=Surface.SLACK).card()


def warm(server: Running, path: Path, nodes: int, rounds: int) -> bool:
    """Measure and print; True when every answer was in time and none cost a call."""
    settings = load_settings(path)
    app = create_app(settings)
    ask(app)
    server.reset()

    def from_file() -> str:
        return ask(create_app(settings))

    def by_a_new_process() -> None:
        command = [sys.executable, "-m", "bot", "patch", SENTENCE, "--json", "--config", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    from_memory = milliseconds(lambda: ask(app), rounds)
    as_card = milliseconds(lambda: card(app), rounds)
    from_cache = milliseconds(from_file, rounds)
    process = milliseconds(by_a_new_process, rounds)
    calls = server.stats()["calls"]
    print(f"from memory  {from_memory:6.0f} ms for {nodes:,} nodes ({LIMIT_MS} is the limit)")
    print(f"as a card    {as_card:6.0f} ms")
    print(f"from cache   {from_cache:6.0f} ms, cache.db read into a new app")
    print(f"new process  {process:6.0f} ms from start to end, imports included")
    print(f"calls        {calls:6} (0 is the limit)")
    return max(from_memory, as_card) < LIMIT_MS and not calls


def start(server: Running, path: Path, rounds: int) -> bool:
    """From the start of `patchbot patch` to the arrival of its first call."""
    command = [sys.executable, "-m", "bot", "patch", f"{SENTENCE} refresh", "--config", str(path)]
    taken = []
    for _ in range(rounds):
        server.reset()
        began = time.monotonic()
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        taken.append(float(server.stats()["first_at"]) - began)
    seconds = float(statistics.median(taken))
    print(f"first call   {seconds:6.2f} s after the start ({START_LIMIT_S} is the limit)")
    return seconds < START_LIMIT_S


def main(arguments: list[str]) -> int:
    """Run it. Returns 1 when a limit was broken."""
    parser = argparse.ArgumentParser(prog="benchmarks warm", description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args(arguments)
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    gc.set_threshold(50_000)  # as bot.__main__ does
    with (
        tempfile.TemporaryDirectory() as directory,
        running(given.nodes, latency=0) as server,
        running(10, latency=0) as small,
    ):
        path = Path(directory, "patchbot.toml")
        path.write_text(CONFIGURATION)
        os.environ["AWS_ENDPOINT_URL"] = server.address
        good = warm(server, path, given.nodes, given.rounds)
        os.environ["AWS_ENDPOINT_URL"] = small.address
        return 0 if start(small, path, given.rounds) and good else 1
