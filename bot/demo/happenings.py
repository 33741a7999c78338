"""What happens in the demo by itself, so that whoever watches sees digests and alerts come.

Everything goes through the doors of the local Slack and of the simulated AWS, as it would in life.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from bot.demo.aws.run_command import patching
from bot.demo.aws.run_command.clockwork import advance
from bot.demo.aws.server import SimulatedAws
from bot.demo.aws.state import region_state
from bot.demo.fleet.model import Fleet, Node
from bot.demo.slack.demo_workspace import MAYA, PATCHING
from bot.demo.slack.server import LocalSlack

NEW_PATCH = "openssl security update"
FIRST, THEN, LAST = 60.0, 150.0, 240.0
WATCH_SECONDS = 60
WINDOW = "mw-0d3e40f5a6b7c8d90"


def digest(slack: LocalSlack, *, environment: str = "prod") -> str:
    """Maya turns a digest on, due at the next full minute but one. Returns what she typed."""
    due = datetime.now(UTC) + timedelta(minutes=2)
    typed = f"/patch digest {environment} on {due:%H:%M} UTC daily"
    slack.person(MAYA).command(PATCHING, typed)
    return typed


def new_patch(
    aws: SimulatedAws, fleet: Fleet, *, environment: str = "staging", nodes: int = 3
) -> list[str]:
    """A vendor releases a patch, and the daily scan of some nodes finds that they miss it. Returns their ids."""
    chosen = _some(fleet, environment, compliant=True)[:nodes]
    for node in chosen:
        state = region_state(node.account, node.region)
        with state.lock:
            patching.release(state, node.instance_id, NEW_PATCH)
        _run(aws, node.region, [node.instance_id], "Scan")
    return [node.instance_id for node in chosen]


def colleague(
    aws: SimulatedAws, fleet: Fleet, *, environment: str = "dev", nodes: int = 2
) -> list[str]:
    """Somebody runs an Install from the console, past patchbot. Returns the ids of the nodes."""
    chosen = _some(fleet, environment, compliant=False)[:nodes]
    for region in sorted({node.region for node in chosen}):
        ids = [node.instance_id for node in chosen if node.region == region]
        _run(aws, region, ids, "Install")
    return [node.instance_id for node in chosen]


def window(aws: SimulatedAws, fleet: Fleet) -> None:
    """A maintenance window runs out of time."""
    aws.events.window_ended(
        aws.account,
        fleet.nodes[0].region,
        window_id=WINDOW,
        status="TIMED_OUT",
        at=datetime.now(UTC),
    )


def _some(fleet: Fleet, environment: str, *, compliant: bool) -> list[Node]:
    return [
        node
        for node in fleet.of(environment)
        if node.state == "running" and not node.connection_lost and node.is_compliant is compliant
    ]


def _run(aws: SimulatedAws, region: str, instance_ids: list[str], operation: str) -> None:
    aws.client("ssm", region).send_command(
        InstanceIds=instance_ids,
        DocumentName="AWS-RunPatchBaseline",
        Parameters={"Operation": [operation], "RebootOption": ["NoReboot"]},
    )


class Happenings:
    """Plays it all once, in a thread of its own. Nodes only get on while somebody looks, so this looks."""

    def __init__(self, aws: SimulatedAws, fleet: Fleet, slack: LocalSlack) -> None:
        self._aws, self._fleet, self._slack = aws, fleet, slack
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play, name="happenings", daemon=True)

    def __enter__(self) -> "Happenings":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5.0)

    def _play(self) -> None:
        acts: tuple[tuple[float, Callable[[SimulatedAws, Fleet], object]], ...] = (
            (FIRST, new_patch),
            (THEN - FIRST, colleague),
            (LAST - THEN, window),
        )
        digest(self._slack)
        for seconds, act in acts:
            if self._look_on(seconds):
                return
            act(self._aws, self._fleet)
        self._look_on(WATCH_SECONDS)

    def _look_on(self, seconds: float) -> bool:
        """Let that time pass; True when it is all over."""
        regions = sorted({node.region for node in self._fleet.nodes})
        for _ in range(int(seconds)):
            if self._over.wait(1.0):
                return True
            for region in regions:
                advance(region_state(self._aws.account, region))
        return False
