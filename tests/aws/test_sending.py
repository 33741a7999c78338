"""One SendCommand, once: whatever goes wrong, counted at the server, and what is then said about it."""

from __future__ import annotations

import ast
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from bot.aws import sending
from bot.aws.commands import AwsCommands
from bot.aws.gateway import AwsGateway
from bot.aws.sending import Sender, session_name
from bot.core.commands import NotSent, Order, OutcomeUnknown
from bot.core.environments import Account, Target
from bot.core.plans import Document, Operation, RebootOption
from bot.demo.aws.calls import Call
from bot.demo.aws.fault_kinds import Fault, Proceed, Where
from bot.demo.aws.faults import Faults
from bot.demo.aws.run_command.behaviour import Behaviour
from bot.demo.aws.server import SimulatedAws
from bot.demo.aws.wire import Answer
from bot.demo.fleet.large import large_fleet
from bot.demo.fleet.seeding import seed_directly

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REGION = "eu-central-1"
TARGET = Target(Account(), REGION)
MARK = "patchbot:R-7:run-1:0123456789abcdef0123"
ROOT = Path(sending.__file__).parents[2]


class Say(Fault):
    """Answers SendCommand with these words, after AWS took it or before."""

    def __init__(self, status: int, body: bytes, *, accepted: bool) -> None:
        super().__init__(Where("SendCommand"), calls=1)
        self._answer, self._accepted = Answer(status, body), accepted

    def strike(self, call: Call, proceed: Proceed) -> Answer:
        if self._accepted:
            proceed(call)
        return self._answer


Bend = Callable[[Faults], Fault]


@dataclass(frozen=True)
class Case:
    """A fault and what must be said: whether it is certain that nothing runs, and whether AWS took it."""

    name: str
    bend: Bend
    certain: bool = False
    may_retry: bool = False
    accepted: bool = False


def _says(status: int, body: bytes | str, *, accepted: bool = False) -> Bend:
    """An answer with this body, or with an error of this code."""
    text = body if isinstance(body, bytes) else json.dumps({"__type": body}).encode()
    return lambda faults: faults.add(Say(status, text, accepted=accepted))


HTML = b"<html><body>It is the proxy.</body></html>"
CERTAIN = (
    Case("throttled", lambda f: f.throttle("SendCommand"), True, may_retry=True),
    Case("denied", lambda f: f.deny("SendCommand", calls=1), True),
    Case("refused", _says(400, "InvalidInstanceId"), True),
    Case("expired", _says(400, "ExpiredTokenException"), True),
)
NOT_TAKEN = (
    Case("500", lambda f: f.fail("SendCommand")),
    Case("503", lambda f: f.fail("SendCommand", status=503)),
    Case("reset", lambda f: f.reset_connection("SendCommand")),
    Case("proxy 403", _says(403, HTML)),
    Case("redirect", _says(307, b"")),
    Case("request time-out", _says(408, "RequestTimeoutException")),
)
TAKEN = tuple(
    Case(f"accepted, {name}", bend, accepted=True)
    for name, bend in {
        "500": lambda f: f.fail("SendCommand", accepted=True),
        "503": lambda f: f.fail("SendCommand", status=503, accepted=True),
        "reset": lambda f: f.lose_answer("SendCommand"),
        "silence": lambda f: f.lose_answer("SendCommand", hold=1.5),
        "broken answer": _says(200, b'{"Command": {"Comm', accepted=True),
        "foreign answer": _says(200, HTML, accepted=True),
        "no id": _says(200, b"{}", accepted=True),
        "proxy 502": _says(502, HTML, accepted=True),
        "internal error as 400": _says(400, "InternalServerError", accepted=True),
        "throttle as 503": _says(503, "ThrottlingException", accepted=True),
    }.items()
)
CASES = (*CERTAIN, *NOT_TAKEN, *TAKEN)


@pytest.fixture(scope="module")
def running() -> Iterator[SimulatedAws]:
    with SimulatedAws(behaviour=Behaviour(lag=0)) as aws:
        seed_directly(large_fleet(3, NOW))
        yield aws


@pytest.fixture
def aws(running: SimulatedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in running.credentials_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sending, "READ_TIMEOUT", 5)
    running.calls.clear()
    yield running
    running.faults.clear()


@pytest.fixture
def order(aws: SimulatedAws) -> Order:
    ssm = aws.client("ssm", REGION)
    rows = ssm.describe_instance_information(MaxResults=5)["InstanceInformationList"]
    known = ssm.describe_document(Name="AWS-RunPatchBaseline")["Document"]
    return Order(
        instance_ids=tuple(row["InstanceId"] for row in rows[:2]),
        operation=Operation.SCAN,
        reboot_option=RebootOption.NO_REBOOT,
        document=Document(known["Name"], known["DocumentVersion"], known["Hash"]),
        snapshot_id="5f0d2b0e-6f0e-5c57-9f0a-3d0f0a2f7b61",
        mark=MARK,
        max_concurrency="10%",
        max_errors="1",
        delivery_timeout_seconds=600,
    )


def taken(aws: SimulatedAws, mark: str) -> int:
    """How many commands AWS has with this mark."""
    rows = aws.client("ssm", REGION).list_commands()["Commands"]
    return sum(row["Comment"] == mark for row in rows)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_fault_is_one_request_and_said_as_certain_as_it_is(
    aws: SimulatedAws, order: Order, case: Case
) -> None:
    """Nothing is sent twice, and only what AWS surely did not take is called not sent."""
    mark = f"patchbot:R-{case.name}:run-1"
    fault = case.bend(aws.faults)
    with pytest.raises(NotSent if case.certain else OutcomeUnknown) as caught:
        Sender().send(TARGET, replace(order, mark=mark))
    assert fault.hits == 1
    assert aws.calls.count("SendCommand") == 1
    assert taken(aws, mark) == int(case.accepted)
    assert caught.value.hint
    assert caught.value.operation == "ssm:SendCommand"
    if isinstance(caught.value, NotSent):
        assert caught.value.may_retry is case.may_retry


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_no_setting_of_the_machine_makes_it_repeat(
    aws: SimulatedAws, order: Order, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither AWS_MAX_ATTEMPTS nor AWS_RETRY_MODE."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", mode)
    aws.faults.fail("SendCommand", calls=None, accepted=True)
    mark = f"patchbot:R-{mode}:run-1"
    with pytest.raises(OutcomeUnknown):
        Sender().send(TARGET, replace(order, mark=mark))
    assert (aws.calls.count("SendCommand"), taken(aws, mark)) == (1, 1)


def test_a_usual_client_would_have_sent_it_again(aws: SimulatedAws, order: Order) -> None:
    """The tests above can fail: the default client runs the command several times."""
    aws.faults.fail("SendCommand", calls=2, accepted=True)
    boto3.client(
        "ssm", region_name=REGION, config=Config(retries={"mode": "standard"})
    ).send_command(**sending.request_of(replace(order, mark="patchbot:R-usual:run-1")))
    assert taken(aws, "patchbot:R-usual:run-1") == aws.calls.count("SendCommand") == 3


def test_send_command_is_called_in_one_place_of_the_product() -> None:
    """And never handed to the crew, whose calls are repeated."""
    places = []
    for path in [*(ROOT / "bot").rglob("*.py"), *(ROOT / "commands").rglob("*.py")]:
        if "demo" in path.relative_to(ROOT).parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "send_command":
                places.append(path.name)
            if isinstance(node, ast.Constant) and node.value == "SendCommand":
                places.append(f"{path.name}: operation")
    assert sorted(places) == ["sending.py", "sending.py: operation"]


def test_what_is_sent_is_all_that_is_sent(aws: SimulatedAws, order: Order) -> None:
    """Instance ids, the pinned document, the marks and the limits; no targets, no overrides."""
    command_id = Sender().send(TARGET, order)
    (call,) = aws.calls.matching("SendCommand")
    assert len(command_id) == 36
    assert call.parameters == {
        "InstanceIds": list(order.instance_ids),
        "DocumentName": "AWS-RunPatchBaseline",
        "DocumentVersion": "1",
        "DocumentHash": order.document.hash,
        "DocumentHashType": "Sha256",
        "TimeoutSeconds": 600,
        "Comment": MARK,
        "Parameters": {
            "Operation": ["Scan"],
            "RebootOption": ["NoReboot"],
            "SnapshotId": [order.snapshot_id],
        },
        "MaxConcurrency": "10%",
        "MaxErrors": "1",
    }


def test_nobody_listens_there(
    aws: SimulatedAws, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused connection carried nothing: surely not sent."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(NotSent) as caught:
            Sender().send(TARGET, order)
    assert caught.value.may_retry is False
    assert aws.calls.count("SendCommand") == 0


def test_without_credentials_nothing_leaves(
    aws: SimulatedAws, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said with what to do."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(NotSent) as caught:
        Sender().send(TARGET, order)
    assert "AWS_PROFILE" in caught.value.hint
    assert aws.calls.count("SendCommand") == 0


def test_a_frozen_process_sends_nothing_when_it_wakes(aws: SimulatedAws, order: Order) -> None:
    """The guard stands right before the connection: it sees the time that passed since the call began."""
    times = iter([100.0])
    with pytest.raises(NotSent) as caught:
        Sender(monotonic=lambda: next(times)).send(TARGET, order, not_after=99.0)
    assert caught.value.code == "TooLate"
    assert aws.calls.count("SendCommand") == 0
    assert list(times) == []


@pytest.mark.parametrize(
    ("seconds", "leaves"),
    [(0, True), (30, True), (31, False), (5 * 3600, False), (-1, False), (-3600, False)],
)
def test_a_suspended_machine_or_a_clock_that_went_back_sends_nothing(
    aws: SimulatedAws, order: Order, seconds: int, leaves: bool
) -> None:
    """The monotonic clock stands still in suspend, so it says that no time passed."""
    woken = NOW + timedelta(seconds=seconds)
    sender = Sender(monotonic=lambda: 100.0, clock=lambda: woken)
    between = (NOW, NOW + timedelta(seconds=30))
    if leaves:
        assert sender.send(TARGET, order, not_after=130.0, between=between)
        return
    with pytest.raises(NotSent) as caught:
        sender.send(TARGET, order, not_after=130.0, between=between)
    assert caught.value.code == "TooLate"
    assert aws.calls.count("SendCommand") == 0


ROLES = Account(id="111122223333", role="Reader", install_role="Installer", external_id="x-1")


@pytest.mark.parametrize(
    ("account", "role"),
    [(ROLES, "Installer"), (replace(ROLES, install_role=""), "Reader")],
    ids=["install_role", "role"],
)
def test_it_is_sent_with_the_role_for_installs_and_under_the_runs_name(
    aws: SimulatedAws, order: Order, account: Account, role: str
) -> None:
    """CloudTrail tells which run it was. The other account has no such node, hence the refusal."""
    with pytest.raises(NotSent) as caught:
        Sender().send(Target(account, REGION), order)
    assert caught.value.code == "InvalidInstanceId"
    (assumed,) = aws.calls.matching("AssumeRole")
    assert assumed.parameters["RoleArn"] == f"arn:aws:iam::111122223333:role/{role}"
    assert assumed.parameters["RoleSessionName"] == "patchbot-R-7"
    assert assumed.parameters["ExternalId"] == "x-1"
    (sent,) = aws.calls.matching("SendCommand")
    assert sent.account == "111122223333"


@pytest.mark.parametrize("bend", ["deny", "fail", "throttle", "reset_connection"])
def test_a_role_that_cannot_be_assumed_is_no_doubt(
    aws: SimulatedAws, order: Order, bend: str
) -> None:
    """The send had not begun."""
    getattr(aws.faults, bend)("AssumeRole", calls=None)
    with pytest.raises(NotSent) as caught:
        Sender().send(Target(ROLES, REGION), order)
    assert aws.calls.count("SendCommand") == 0
    assert caught.value.may_retry is (bend == "throttle")


def test_a_run_assumes_its_role_once(aws: SimulatedAws, order: Order) -> None:
    """And another run has its own session."""
    sender, target = Sender(), Target(ROLES, REGION)
    for mark in (MARK, MARK.replace("run-1", "run-2"), MARK.replace("R-7", "R-8")):
        with pytest.raises(NotSent):
            sender.send(target, replace(order, mark=mark))
    assert aws.calls.count("AssumeRole") == 2
    assert aws.calls.count("SendCommand") == 3


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        (MARK, "patchbot-R-7"),
        ("patchbot:R 7/ü:run-1:x", "patchbot-R-7"),
        ("odd", "patchbot"),
        (f"patchbot:{'r' * 90}:run-1", "patchbot-" + "r" * 55),
    ],
)
def test_session_names_are_of_the_allowed_characters(mark: str, name: str) -> None:
    """[\\w+=,.@-], 2 to 64 of them (STS API reference, AssumeRole)."""
    clients = sending.SendingClients(session_name=session_name(mark))
    assert clients.session_name == name


def test_cancelling_uses_the_role_for_installs_and_is_repeated(
    aws: SimulatedAws, order: Order
) -> None:
    """Unlike a send it may be."""
    gateway = AwsGateway(jitter=lambda: 0.0)
    commands = AwsCommands(gateway)
    command_id = commands.send(TARGET, order)
    aws.faults.fail("CancelCommand", calls=2)
    commands.cancel(TARGET, command_id)
    assert aws.calls.count("CancelCommand") == 3
    aws.faults.deny("CancelCommand")
    with pytest.raises(Exception, match="CancelCommand is not allowed"):
        commands.cancel(Target(ROLES, REGION), command_id)
    assert aws.calls.matching("AssumeRole")[-1].parameters["RoleArn"].endswith(":role/Installer")
    gateway.close()
