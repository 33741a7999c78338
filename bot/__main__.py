"""The command line: `patchbot serve`, `demo`, `patch`, `digest`, `doctor`, `audit`, `backup`, `ledger`.

Exit codes: 0 answered, 1 unexpected, 2 usage or configuration, 3 answered with gaps, 4 AWS or Slack could not be
reached. What a subcommand needs is imported when it runs: nobody waits for Slack's SDK to read a number.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from bot.core.ports import Clock
    from bot.store.opening import LedgerPlace
    from bot.store.restore import Trouble

_configuration = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The configuration file (else $PATCHBOT_CONFIG, else ./patchbot.toml).",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
_color = click.option(
    "--color/--no-color",
    default=None,
    help="Colours (else: in a terminal, unless $NO_COLOR is set).",
)


def main() -> NoReturn:
    """Entry point of the console script."""
    # botocore loses whole pages to timestamps of the year 1 in zones west of Greenwich; people still see their own.
    zone = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    gc.set_threshold(
        50_000
    )  # importing makes many objects and little garbage; looking for it costs a tenth of a start
    cli.main(obj=zone, prog_name="patchbot")
    sys.exit(0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="patchbot", prog_name="patchbot", message="%(prog)s %(version)s")
def cli() -> None:
    """See the patch compliance of your AWS fleet, from Slack and from here."""


@cli.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--refresh", is_flag=True, help="Read AWS again instead of the last reading.")
@_json
@_color
@_configuration
@click.pass_obj
def patch(
    zone: str | None,
    words: tuple[str, ...],
    path: Path | None,
    *,
    refresh: bool,
    as_json: bool,
    color: bool | None,
) -> None:
    """Answer here what /patch answers in Slack.

    For example: patchbot patch "status prod". Works with AWS credentials alone; `patchbot patch help` lists what can
    be asked.
    """
    from bot import terminal

    text = terminal.sentence((*words, "refresh") if refresh else words)
    _answer(text, path, zone=zone, as_json=as_json, color=color)


@cli.command()
@_json
@_color
@_configuration
@click.pass_obj
def doctor(zone: str | None, path: Path | None, *, as_json: bool, color: bool | None) -> None:
    """Check the setup and say what to do where it is wrong."""
    _answer("doctor", path, zone=zone, as_json=as_json, color=color)


@cli.command()
@click.argument("environment")
@click.option("--preview", is_flag=True, help="Print what would be posted now.")
@click.option("--refresh", is_flag=True, help="Read AWS again instead of the last reading.")
@_json
@_color
@_configuration
@click.pass_obj
def digest(
    zone: str | None,
    environment: str,
    path: Path | None,
    *,
    preview: bool,
    refresh: bool,
    as_json: bool,
    color: bool | None,
) -> None:
    """Show what the digest of ENVIRONMENT would say now; nothing is posted.

    Channels subscribe in Slack: /patch digest prod on 09:00 Europe/Berlin weekdays.
    """
    if not preview:
        raise click.UsageError(
            f"Digests are posted by `patchbot serve`. To see one: patchbot digest {environment} --preview"
        )
    from bot import terminal

    def work() -> int:
        from bot.app import create_app
        from bot.config import load_settings

        return terminal.preview(
            create_app(load_settings(path)),
            environment,
            timezone=terminal.local_timezone(zone),
            refresh=refresh,
            as_json=as_json,
            color=color,
        )

    sys.exit(terminal.run(work, as_json=as_json, color=color))


@cli.command()
@_configuration
def serve(path: Path | None) -> None:
    """Answer in Slack until stopped."""
    from bot import terminal

    def work() -> int:
        from bot.app import create_app
        from bot.config import load_settings

        return create_app(load_settings(path)).serve()

    sys.exit(terminal.run(work, as_json=False, color=None))


@cli.group()
def audit() -> None:
    """Check the audit log, and take it out."""


@audit.command("verify")
@click.option(
    "--head", default="", help="A head file, or a code like 123:0123456789abcdef, kept elsewhere."
)
@_json
@_configuration
def audit_verify(path: Path | None, head: str, *, as_json: bool) -> None:
    """Check every row, and its end against a head that was kept elsewhere."""
    _on_ledger(
        path,
        lambda auditing, place, clock: auditing.verify(
            place, clock=clock, head=head, as_json=as_json
        ),
        as_json=as_json,
    )


@audit.command("export")
@_configuration
def audit_export(path: Path | None) -> None:
    """Print the whole log as JSON lines, its head last."""
    _on_ledger(path, lambda auditing, place, clock: auditing.export(place, clock=clock))


@audit.command("head")
@_json
@_configuration
def audit_head(path: Path | None, *, as_json: bool) -> None:
    """Print the head: keep it elsewhere, for `verify --head`."""
    _on_ledger(
        path,
        lambda auditing, place, clock: auditing.show_head(place, clock=clock, as_json=as_json),
        as_json=as_json,
    )


@cli.command()
@click.argument("directory", required=False, type=click.Path(path_type=Path, file_okay=False))
@_json
@_configuration
def backup(path: Path | None, directory: Path | None, *, as_json: bool) -> None:
    """Back the ledger and the history up into DIRECTORY (else [ledger] backup_dir), and check the copies.

    They may be in use. A copy that does not verify is deleted and reported. The running bot makes backups by itself.
    """
    from bot import terminal

    def work() -> int:
        from bot import auditing
        from bot.config import load_settings

        settings = load_settings(path)
        place, target = auditing.ledger_place(settings), directory or auditing.backup_dir(settings)
        return auditing.back_up(place, target, clock=lambda: datetime.now(UTC), as_json=as_json)

    sys.exit(terminal.run(work, as_json=as_json, color=None))


@cli.group()
def ledger() -> None:
    """Look after the ledger."""


@ledger.command("accept-restore")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--rewritten", is_flag=True, help="Also where history, heads or key were changed by somebody."
)
@_configuration
def ledger_accept_restore(path: Path | None, *, yes: bool, rewritten: bool) -> None:
    """Go on with a ledger that was restored: a backup, older than its head, or without any head.

    It lists the commands AWS has that the ledger does not know. Open requests expire, planned sends are dropped, open
    runs end. It is written to the audit log.
    """
    from bot import terminal

    def confirm(said: str, trouble: Trouble) -> bool:
        click.echo(said, err=True)
        if yes:
            return True
        if trouble.forged:
            return bool(click.prompt("To go on, type REWRITTEN", err=True) == "REWRITTEN")
        return click.confirm("Make everything void that is open in it, and go on?", err=True)

    def work() -> int:
        from bot import anchors, auditing, restoring
        from bot.config import load_settings

        settings = load_settings(path)
        place, clock = auditing.ledger_place(settings), lambda: datetime.now(UTC)
        return restoring.accept(
            place,
            clock=clock,
            rewritten=rewritten,
            strange=lambda: restoring.look(settings, place, clock=clock),
            elsewhere=anchors.elsewhere(settings),
            confirm=confirm,
        )

    sys.exit(terminal.run(work, as_json=False, color=None))


@cli.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the page (else: a free one)."
)
@click.option(
    "--transport",
    type=click.Choice(["socket", "http"]),
    default="socket",
    show_default=True,
    help="How the bot is connected to the local Slack.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
def demo(port: int, transport: str, *, browser: bool) -> None:
    """Try it: a local Slack, the bot and a simulated AWS."""
    try:
        from bot.demo.run import main as run_demo
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in {"bot", "commands"}:
            raise
        click.echo(
            f"The demo needs “{error.name}”, which is not installed.\n"
            'Run `make demo` in a clone, or install the extra: pip install "patchbot[demo]".',
            err=True,
        )
        sys.exit(2)
    sys.exit(run_demo(port=port, transport=transport, open_browser=browser))


def _on_ledger(
    path: Path | None,
    do: Callable[[ModuleType, LedgerPlace, Clock], int],
    *,
    as_json: bool = False,
) -> NoReturn:
    from bot import terminal

    def work() -> int:
        from bot import auditing
        from bot.config import load_settings

        place = auditing.ledger_place(load_settings(path))
        return do(auditing, place, lambda: datetime.now(UTC))

    sys.exit(terminal.run(work, as_json=as_json, color=None))


def _answer(
    text: str, path: Path | None, *, zone: str | None, as_json: bool, color: bool | None
) -> NoReturn:
    from bot import terminal

    def work() -> int:
        from bot.app import create_app
        from bot.config import load_settings

        app = create_app(load_settings(path))
        timezone = terminal.local_timezone(zone)
        return terminal.answer(app, text, timezone=timezone, as_json=as_json, color=color)

    sys.exit(terminal.run(work, as_json=as_json, color=color))


if __name__ == "__main__":
    main()
