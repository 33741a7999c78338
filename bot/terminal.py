"""Answers a sentence for the local operator: progress on stderr, the answer on stdout, an exit code for scripts."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from bot.chatops import inert
from bot.chatops.context import Surface
from bot.chatops.desk import Answer
from bot.core.errors import PatchbotError
from bot.core.identity import OPERATOR
from bot.core.ports import Progress

if TYPE_CHECKING:
    from rich.console import Console

    from bot.app import App
    from bot.core.digest_reports import DigestReport

T = TypeVar("T")

INTERRUPTED = 130  # what a shell reports for Ctrl-C
BROKEN_PIPE = 141  # … and for a reader that went away
PATIENCE_S = 0.2  # an answer that comes sooner needs no progress bar, nor the import of one
SLICE_S = 0.1
WIDTH_WITHOUT_TERMINAL = 160

_KEY = re.compile(r"([A-Za-z][A-Za-z_-]+:)(.*)", re.DOTALL)


def sentence(words: Sequence[str]) -> str:
    """The words of a command line as one sentence of the grammar.

    The first is taken as it is, for it may be a whole sentence. In the others the shell has removed the quotes
    around blanks, so they are put back: `os:Amazon Linux` becomes `os:"Amazon Linux"`.
    """
    return " ".join((*words[:1], *(_requoted(word) for word in words[1:])))


def _requoted(word: str) -> str:
    if not re.search(r"\s", word):
        return word
    match = _KEY.fullmatch(word)
    key, value = match.groups() if match else ("", word)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}"{escaped}"'


def run(work: Callable[[], int], *, as_json: bool, color: bool | None) -> int:
    """Do the work of a subcommand; whatever it raises becomes words on stderr and an exit code."""
    try:
        return work()
    except PatchbotError as error:
        _explain(error, as_json=as_json, color=color)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        sys.stderr.flush()
        # Threads that still wait for AWS would keep the process for as long as AWS takes.
        os._exit(INTERRUPTED)
    except BrokenPipeError:
        # Whoever read us has gone; flushing what is left at exit would fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        if os.environ.get("PATCHBOT_TRACEBACK"):
            raise
        fault = PatchbotError(
            f"This is a fault of patchbot: {type(error).__name__}: {error}",
            hint="Please report it with what PATCHBOT_TRACEBACK=1 shows.",
        )
        _explain(fault, as_json=as_json, color=color)
        return fault.exit_code


def answer(app: App, text: str, *, timezone: str, as_json: bool, color: bool | None) -> int:
    """Answer `text` on stdout. Returns the exit code; raises PatchbotError.

    `timezone` is the IANA name of the zone to show times in.
    """
    person = replace(OPERATOR, timezone=timezone)

    if app.desk.asks_ledger(text):
        app.look_at_ledger()

    def ask(progress: Progress) -> Answer:
        return app.desk.answer(text, person, surface=Surface.TERMINAL, progress=progress)

    found = _with_progress(ask, color=color)
    if as_json:
        sys.stdout.write(f"{found.json()}\n")
    else:
        console(color=color).print(found.command.terminal(found.report, found.context))
    sys.stdout.flush()
    return found.exit_code


def preview(
    app: App, environment: str, *, timezone: str, refresh: bool, as_json: bool, color: bool | None
) -> int:
    """What a digest of `environment` would say now, on stdout. Returns the exit code; raises PatchbotError."""
    from bot.chatops.digest_terminal import digest_terminal

    app.look_at_ledger()

    def compose(progress: Progress) -> DigestReport:
        return app.digest(environment, refresh=refresh, progress=progress)

    report = _with_progress(compose, color=color)
    if as_json:
        text = report.model_dump_json(by_alias=True, indent=2)
        sys.stdout.write(f"{inert.json_text(text)}\n")
    else:
        console(color=color).print(digest_terminal(report, zone=ZoneInfo(timezone)))
    sys.stdout.flush()
    return 3 if report.gaps else 0


def console(*, color: bool | None, stderr: bool = False) -> Console:
    """Where to print: as wide as the terminal, or wide enough for tables where there is none."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    wide = not stream.isatty() and "COLUMNS" not in os.environ
    return Console(
        stderr=stderr,
        no_color=True if color is False else None,
        force_terminal=color or None,
        highlight=False,
        markup=False,
        emoji=False,
        width=WIDTH_WITHOUT_TERMINAL if wide else None,
    )


def _explain(error: PatchbotError, *, as_json: bool, color: bool | None) -> None:
    """Say on stderr what was wrong, in words or as `patchbot.error/1`."""
    if as_json:
        told = {"schema": "patchbot.error/1", "error": error.message, "hint": error.hint}
        sys.stderr.write(f"{inert.json_text(json.dumps(told, ensure_ascii=False))}\n")
        return
    from bot.chatops import terminal

    # Elsewhere than on a terminal a line is a line: a wrapped one cannot be searched for.
    wrapped = sys.stderr.isatty()
    console(color=color, stderr=True).print(terminal.error(error), soft_wrap=not wrapped)


def _with_progress(work: Callable[[Progress], T], *, color: bool | None) -> T:
    """Do the work in a thread: this one stays free to show progress, and to end everything on Ctrl-C."""
    board = _Board()
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work(board.told))
        except BaseException as error:  # noqa: BLE001  # raised again by future.result() below
            future.set_exception(error)

    Thread(target=run, name="answer", daemon=True).start()
    wait([future], PATIENCE_S)
    if sys.stderr.isatty() and not future.done():
        return _watch(future, board, color=color)
    # In slices: a Ctrl-C that comes while this thread is about to block is not seen before the wait ends.
    while not future.done():
        wait([future], SLICE_S)
    return future.result()


class _Board:
    """What is known of the progress: nodes read and nodes known, by target."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._targets: dict[str, tuple[int, int]] = {}

    def told(self, target: str, read: int, known: int) -> None:
        with self._lock:
            self._targets[target] = (read, known)

    def targets(self) -> list[tuple[str, int, int]]:
        with self._lock:
            return [(target, *numbers) for target, numbers in sorted(self._targets.items())]


def _watch(future: Future[T], board: _Board, *, color: bool | None) -> T:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:,.0f} of {task.fields[known]:,} nodes", markup=False),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console(color=color, stderr=True), transient=True) as shown:
        waiting = shown.add_task("Asking AWS", total=None, known=0)
        while True:
            for target, read, known in board.targets():
                if target not in tasks:
                    tasks[target] = shown.add_task(target, known=known)
                    shown.update(waiting, visible=False)
                shown.update(tasks[target], completed=read, total=known or None, known=known)
            try:
                return future.result(SLICE_S)
            except NotYet:
                if future.done():
                    return future.result()


def local_timezone(variable: str | None) -> str:
    """The IANA name of the operator's time zone: of $TZ, else of the system; "UTC" where neither tells."""
    names = [(variable or "").lstrip(":")]
    if not names[0]:
        link = os.path.realpath("/etc/localtime")
        names = [link.partition("/zoneinfo/")[2]]
        if Path("/etc/timezone").is_file():
            names.append(Path("/etc/timezone").read_text(errors="replace").strip())
    for name in names:
        try:
            return ZoneInfo(name).key if name else "UTC"
        except (ValueError, OSError, KeyError):
            continue
    return "UTC"
