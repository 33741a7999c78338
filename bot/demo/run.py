"""`patchbot demo`: the real bot between a local Slack in the browser and a simulated AWS.

Nothing leaves this machine. AWS is a moto server and Slack our own, both on loopback with secrets made for this run;
the bot is put together by `bot.app.create_app` exactly as in production.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bot import logs
from bot.app import App, create_app
from bot.config import Settings, load_settings
from bot.demo.aws.event_bus import create_queue
from bot.demo.aws.run_command.behaviour import Behaviour
from bot.demo.aws.server import SimulatedAws
from bot.demo.first_steps import SUGGESTIONS, TIPS
from bot.demo.fleet.demo import demo_fleet
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.past import write_past
from bot.demo.fleet.seeding import seed
from bot.demo.happenings import Happenings
from bot.demo.slack.demo_workspace import demo_workspace
from bot.demo.slack.server import LocalSlack
from bot.store.history import HISTORY_FILE, HistoryDatabase
from bot.worker.timing import Timing

CONFIGURATION = Path(__file__).parent / "patchbot.toml"
MANIFEST = Path(__file__).parents[2] / "manifest.yml"

# A run that takes an hour in life is watched to its end in about two minutes.
SPEED = 20.0
TIMING = Timing(
    active=0.5, idle=1.0, poll_at_most=1.0, report_every=1.0, members_for=10.0, history_every=2.0
)

# No profile, endpoint, token or file of the real machine reaches the demo.
FOREIGN = ("AWS_", "SLACK_", "PATCHBOT_")

# A proxy of the real machine knows nothing of our loopback addresses.
DIRECT = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

NO_FILES = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo. `environment` is what a terminal needs to ask the same AWS and look at the same ledger."""

    slack: LocalSlack
    aws: SimulatedAws
    app: App
    fleet: Fleet
    environment: Mapping[str, str]

    @property
    def address(self) -> str:
        """Where the page is."""
        return self.slack.url


@contextmanager
def running(
    *, port: int = 0, transport: str = "socket", speed: float = SPEED, past: bool = True
) -> Iterator[Demo]:
    """Start everything, yield it, and stop it again. `transport` is "socket" or "http".

    What nodes do is `speed` times faster than in life. Without `past` history begins now.
    """
    workspace = replace(demo_workspace(), tips=TIPS)
    with (
        _environment({**DIRECT, **NO_FILES}),
        tempfile.TemporaryDirectory(prefix="patchbot-demo-") as data,
        SimulatedAws(behaviour=Behaviour(speed=speed)) as aws,
        LocalSlack(MANIFEST, workspace=workspace, port=port, suggestions=SUGGESTIONS) as slack,
    ):
        fleet = demo_fleet(datetime.now(UTC))
        seed(aws, fleet)
        trouble(aws, fleet)
        for region in sorted({node.region for node in fleet.nodes}):
            create_queue(aws.client("sqs", region))
        secrets = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "PATCHBOT_SLACK_API_URL": slack.api_url,
            "PATCHBOT_DATA_DIR": data,
            **DIRECT,
            **NO_FILES,
            **aws.credentials_environment(),
        }
        with _environment(secrets):
            settings = load_settings(CONFIGURATION)
            if past:
                remember(settings, fleet)
            app = create_app(settings, timing=TIMING)
            with app.started(
                transport=transport, port=0 if transport == "http" else None
            ) as address:
                if address:
                    slack.connect_http(f"{address}/slack/events")
                told = {
                    "PATCHBOT_CONFIG": str(CONFIGURATION),
                    "PATCHBOT_DATA_DIR": data,
                    **aws.credentials_environment(),
                }
                yield Demo(slack, aws, app, fleet, {k: v for k, v in told.items() if v})


def remember(settings: Settings, fleet: Fleet) -> None:
    """Give the fleet six weeks of history."""
    history = HistoryDatabase(settings.data_dir / HISTORY_FILE)
    with history.together():
        for environment in settings.fleet().values():
            write_past(history, fleet, environment)


def trouble(aws: SimulatedAws, fleet: Fleet) -> None:
    """Not all goes well: what a receipt is for. Every fourth node of staging fails to install one patch, once."""
    some = [node.instance_id for node in fleet.of("staging") if node.run][::4]
    aws.nodes_will(*some, outcome="some_failed", operation="Install", times=1)


def main(*, port: int = 0, transport: str = "socket", open_browser: bool = True) -> int:
    """Run the demo until Ctrl-C. Returns the exit code."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    logs.configure(logging.WARNING)
    _say("Starting a simulated AWS, a local Slack and the bot ...")
    with (
        running(port=port, transport=transport) as demo,
        Happenings(demo.aws, demo.fleet, demo.slack),
    ):
        _say(_welcome(demo))
        if open_browser and _has_browser():
            webbrowser.open(demo.address)
        while not stop.wait(0.5):  # a signal that comes as a wait begins is not seen before it ends
            pass
        _say("\nStopping ...")
    _say("Stopped. Nothing is left behind.")
    return 0


def _welcome(demo: Demo) -> str:
    names = " ".join(f"{name}={shlex.quote(value)}" for name, value in demo.environment.items())
    return f"""
  patchbot's demo is open:  {demo.address}

  Try first, in #platform-patching:
    /patch status prod            how is prod, what is unknown and why
    /patch nodes prod             the non-compliant list, worst first; open a node, take the CSV
    /patch status prod by:owner   whose nodes are they
    /patch help                   everything else

  Then fix something; “Acting as” at the top switches who you are:
    as Maya    /patch install prod   fill the form in: a reason and a ticket, OPS-1
    as Jonas   #prod-approvals       Approve, and type the number of nodes
    as Priya   #prod-approvals       the same: prod needs two people, and neither may be Maya
    Watch the run in #platform-patching; its receipt comes in the thread after about two minutes.
    A guest (Gus) is refused, and so is Maya when she approves her own request.

  Wait a minute or two, in #platform-patching: the daily digest of prod comes (Maya has just turned it on), nodes of
  staging become non-compliant, and a colleague installs past patchbot. Alerts have a button that starts a plan for
  exactly these nodes.
    /patch trend prod             six weeks as a picture, deadlines, the time to patch
    /patch digest prod now        the digest, for you alone

  In a second terminal the same answers come as tables or JSON:
    export {names}
    {sys.executable} -m bot patch "status prod"
  Ctrl-C stops it.
"""


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _has_browser() -> bool:
    """Whether opening a browser can work: never on a machine without a screen."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    with suppress(webbrowser.Error):
        webbrowser.get()
        return True
    return False


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    for name in [name for name in before if name.startswith(FOREIGN)]:
        del os.environ[name]
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
