"""The two worlds of the command contract: the fake, and the real gateway before the simulated AWS over HTTP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta

from bot.aws.commands import AwsCommands
from bot.core.commands import Order
from bot.core.environments import Account, Target
from bot.core.plans import Document, Operation, RebootOption
from bot.core.ports import CommandGateway
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.model import Node
from tests.contract.fleets import as_known
from tests.fakes.commands import Answer, FakeCommands, Fate

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
EU = Target(Account(), "eu-central-1")
US = Target(Account(), "us-east-1")
SNAPSHOT = "5f0d2b0e-6f0e-5c57-9f0a-3d0f0a2f7b61"
MARK = "patchbot:R-7:run-1:0123456789abcdef0123"


class Hand:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class World(ABC):
    """A gateway, nodes behind it, and what both sides can be told to do."""

    def __init__(self, commands: CommandGateway, clock: Hand, nodes: list[Node]) -> None:
        self.commands, self.clock = commands, clock
        self.ids = [node.instance_id for node in nodes]

    def order(self, *ids: str, mark: str = MARK, operation: Operation = Operation.SCAN,
              reboot: RebootOption = RebootOption.REBOOT_IF_NEEDED, document: Document | None = None,
              concurrency: str = "50") -> Order:  # fmt: skip
        """An order for the nodes, with the document as it is."""
        return Order(
            instance_ids=ids,
            operation=operation,
            reboot_option=reboot,
            document=document or self.commands.document(EU, "AWS-RunPatchBaseline"),
            snapshot_id=SNAPSHOT,
            mark=mark,
            max_concurrency=concurrency,
            max_errors="100%",
        )

    @property
    @abstractmethod
    def reached(self) -> int:
        """How many sends reached AWS."""

    @abstractmethod
    def next_send(self, answer: Answer) -> None:
        """What happens to the next send."""

    @abstractmethod
    def fails(self, instance_id: str, *, code: int, output: str) -> None:
        """The node fails with an exit code and these last words."""

    @abstractmethod
    def goes(self, instance_id: str) -> None:
        """The node is terminated."""

    @abstractmethod
    def window(self, name: str, opens: datetime) -> None:
        """There is a maintenance window."""


class FakeWorld(World):
    """The fake."""

    def __init__(self, nodes: list[Node]) -> None:
        self.fake = FakeCommands(clock=(clock := Hand()))
        self.fake.put(EU, *(as_known(node).node for node in nodes))
        super().__init__(self.fake, clock, nodes)

    @property
    def reached(self) -> int:
        return len(self.fake.sends)

    def next_send(self, answer: Answer) -> None:
        self.fake.answers.append(answer)

    def fails(self, instance_id: str, *, code: int, output: str) -> None:
        self.fake.nodes_will(instance_id, fate=Fate("Failed", response_code=code, output=output))

    def goes(self, instance_id: str) -> None:
        self.fake.remove(EU, instance_id)

    def window(self, name: str, opens: datetime) -> None:
        known = self.fake.windows.get(EU)
        self.fake.windows[EU] = min(
            [(name, opens), *([known] if known else [])], key=lambda one: one[1]
        )


class SimulatedWorld(World):
    """The real gateway and the simulated AWS."""

    def __init__(
        self, aws: SimulatedAws, commands: AwsCommands, clock: Hand, nodes: list[Node]
    ) -> None:
        self.aws = aws
        super().__init__(commands, clock, nodes)

    @property
    def reached(self) -> int:
        return self.aws.calls.count("SendCommand")

    def next_send(self, answer: Answer) -> None:
        faults = self.aws.faults
        match answer:
            case Answer.ACCEPT_AND_LOSE:
                faults.lose_answer("SendCommand")
            case Answer.LOSE:
                faults.reset_connection("SendCommand")
            case Answer.THROTTLE:
                faults.throttle("SendCommand")
            case Answer.DENY:
                faults.deny("SendCommand", calls=1)
            case _:
                raise NotImplementedError(answer)

    def fails(self, instance_id: str, *, code: int, output: str) -> None:
        self.aws.nodes_will(instance_id, outcome="failed", exit_code=code, output=output)

    def goes(self, instance_id: str) -> None:
        self.aws.client("ec2", EU.region).terminate_instances(InstanceIds=[instance_id])

    def window(self, name: str, opens: datetime) -> None:
        self.aws.client("ssm", EU.region).create_maintenance_window(
            Name=name,
            Schedule=f"at({opens:%Y-%m-%dT%H:%M:%S})",
            Duration=2,
            Cutoff=1,
            AllowUnassociatedTargets=True,
        )
