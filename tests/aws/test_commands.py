"""What became of commands, when AWS's answers are long, odd, or denied."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.aws.command_rows import invocation, is_patching, sent_command
from bot.aws.commands import AwsCommands
from bot.aws.gateway import AwsGateway
from bot.aws.rights import READING
from bot.aws.run_rights import CHANGING, FOLLOWING
from bot.core.commands import Order
from bot.core.environments import Account, Target
from bot.core.errors import AccessDenied, AwsError, Throttled
from bot.core.plans import Operation, RebootOption
from bot.demo.aws.run_command.behaviour import Behaviour
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.model import Fleet
from bot.demo.fleet.seeding import seed_directly
from tests.aws.conftest import NOW, REGION, TARGET, Bend, Refuse, fleet_of

AGO = NOW - timedelta(minutes=10)


class Hand:
    """A clock that goes on when told."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Any:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def aws(clock: Hand, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    with SimulatedAws(behaviour=Behaviour(clock=clock)) as simulated:
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in simulated.credentials_environment().items():
            monkeypatch.setenv(name, value)
        yield simulated


@pytest.fixture
def fleet(aws: SimulatedAws) -> Fleet:
    fleet = fleet_of(120)
    seed_directly(fleet)
    return fleet


@pytest.fixture
def commands(
    aws: SimulatedAws, fleet: Fleet, make_gateway: Callable[..., AwsGateway]
) -> AwsCommands:
    return AwsCommands(make_gateway(time_limit=120))


def order(commands: AwsCommands, ids: list[str], number: int = 1) -> Order:
    return Order(
        instance_ids=tuple(ids),
        operation=Operation.SCAN,
        reboot_option=RebootOption.NO_REBOOT,
        document=commands.document(TARGET, "AWS-RunPatchBaseline"),
        snapshot_id="5f0d2b0e-6f0e-5c57-9f0a-3d0f0a2f7b61",
        mark=f"patchbot:R-7:run-{number}:0123456789abcdef0123",
        max_concurrency="50",
        max_errors="100%",
    )


def ids_of(fleet: Fleet) -> list[str]:
    return [node.instance_id for node in fleet.nodes]


def test_a_long_history_is_read_to_its_end(
    aws: SimulatedAws, commands: AwsCommands, fleet: Fleet, clock: Hand
) -> None:
    """Our mark may be on any page; empty pages are no end."""
    ssm = aws.client("ssm", REGION)
    send = order(commands, ids_of(fleet)[:1])
    mine = commands.send(TARGET, send)
    for number in range(60):
        ssm.send_command(
            DocumentName="AWS-RunShellScript",
            InstanceIds=ids_of(fleet)[:1],
            Parameters={"commands": ["true"]},
            Comment=f"somebody's {number}",
        )
        clock.pass_(1)
    aws.faults.empty_page("ListCommands")
    found = commands.find(TARGET, since=AGO)
    assert len(found) == 61
    assert [one.command_id for one in found if one.comment == send.mark] == [mine]
    assert {one.operation for one in found} == {"", "Scan"}


def test_whoever_patches_is_at_work(
    aws: SimulatedAws, commands: AwsCommands, fleet: Fleet, clock: Hand
) -> None:
    """Sent by tag or under another document's name; a shell script is no patch operation."""
    ssm = aws.client("ssm", REGION)
    content = {
        "schemaVersion": "2.2",
        "description": "A wrapper",
        "parameters": {"Operation": {"type": "String"}},
        "mainSteps": [{"name": "patch", "action": "aws:runDocument"}],
    }
    ssm.create_document(Name="Org-Patch", Content=json.dumps(content), DocumentType="Command")
    by_tag = ssm.send_command(
        DocumentName="AWS-RunPatchBaseline",
        Targets=[{"Key": "tag:Environment", "Values": ["prod"]}],
        Parameters={"Operation": ["Scan"]},
        MaxConcurrency="100%",
    )["Command"]["CommandId"]
    clock.pass_(1)
    at_work = commands.at_work(TARGET)
    assert dict(at_work) == dict.fromkeys(ids_of(fleet), by_tag)
    clock.pass_(4000)  # silent nodes wait for an hour
    node = ids_of(fleet)[:1]
    own = ssm.send_command(
        DocumentName="Org-Patch", InstanceIds=node, Parameters={"Operation": ["Install"]}
    )["Command"]["CommandId"]
    ssm.send_command(
        DocumentName="AWS-RunShellScript",
        InstanceIds=ids_of(fleet)[1:2],
        Parameters={"commands": ["true"]},
    )
    clock.pass_(1)
    assert dict(commands.at_work(TARGET)) == {node[0]: own}


def test_asking_who_is_at_work_is_one_call_when_nobody_is(
    aws: SimulatedAws, commands: AwsCommands
) -> None:
    """The pre-flight asks for every plan."""
    assert dict(commands.at_work(TARGET)) == {}
    assert aws.calls.count() == 1


def test_nodes_of_a_batch_are_read_by_their_ids(
    aws: SimulatedAws, commands: AwsCommands, fleet: Fleet
) -> None:
    """Not the whole Region: two calls for a batch of fifty."""
    found = commands.nodes_now(TARGET, ids_of(fleet)[:50])
    assert [node.instance_id for node in found] == ids_of(fleet)[:50]
    assert aws.calls.count("DescribeInstanceProperties") == 2


@pytest.mark.parametrize("code", ["InvalidInstanceId", "AccessDeniedException"])
def test_where_ids_may_not_be_asked_for_everybody_is_listed(
    aws: SimulatedAws, commands: AwsCommands, fleet: Fleet, code: str
) -> None:
    """One id that is gone fails the whole call; a policy may allow one of the two calls only."""
    denied = code.startswith("Access")
    aws.faults.add(
        Refuse(
            "DescribeInstanceProperties",
            code,
            lambda call: denied or "FiltersWithOperator" in call.parameters,
        )
    )
    asked = [*ids_of(fleet)[:2], "i-00000000000000000"]
    found = commands.nodes_now(TARGET, asked)
    assert [node.instance_id for node in found] == asked[:2]


def test_trouble_is_no_answer(
    aws: SimulatedAws, commands: AwsCommands, fleet: Fleet, make_gateway: Callable[..., AwsGateway]
) -> None:
    """A denied or throttled read raises: nobody may take it for "nothing there"."""
    aws.faults.deny()
    asks: list[Callable[[], object]] = [
        lambda: commands.find(TARGET, since=AGO),
        lambda: commands.at_work(TARGET),
        lambda: commands.nodes_now(TARGET, ids_of(fleet)[:1]),
        lambda: commands.next_window(TARGET),
        lambda: commands.document(TARGET, "AWS-RunPatchBaseline"),
        lambda: commands.invocations(TARGET, "00000000-0000-4000-8000-000000000000"),
        lambda: commands.cancel(TARGET, "00000000-0000-4000-8000-000000000000"),
    ]
    for ask in asks:
        with pytest.raises(AccessDenied):
            ask()
    aws.faults.clear()
    aws.faults.throttle(calls=None)
    hasty = AwsCommands(make_gateway(time_limit=3))
    with pytest.raises(Throttled):
        hasty.find(TARGET, since=AGO)


def test_a_passing_trouble_is_passed_over(
    aws: SimulatedAws, commands: AwsCommands, fleet: Fleet, clock: Hand
) -> None:
    """Reads are repeated, unlike sends."""
    command_id = commands.send(TARGET, order(commands, ids_of(fleet)[:2]))
    clock.pass_(1)
    aws.faults.fail("ListCommandInvocations", calls=2)
    assert len(commands.invocations(TARGET, command_id)) == 2


@pytest.mark.parametrize(
    "change", [{"Hash": ""}, {"HashType": "Sha1"}, {"DocumentVersion": ""}], ids=str
)
def test_a_document_that_cannot_be_pinned_is_refused(
    aws: SimulatedAws, commands: AwsCommands, change: dict[str, str]
) -> None:
    """No SHA-256, no plan."""
    aws.faults.add(Bend("DescribeDocument", lambda _, body: body["Document"].update(change)))
    with pytest.raises(AwsError) as caught:
        commands.document(TARGET, "AWS-RunPatchBaseline")
    assert caught.value.code == "NoHash"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T02:00Z", "2026-11-24T02:00:00+00:00"),
        ("2026-11-24T02:00+01:00", "2026-11-24T01:00:00+00:00"),
        ("2026-11-24T02:00Z[UTC]", "2026-11-24T02:00:00+00:00"),
        ("soon", None),
        ("", None),
    ],
)
def test_the_times_of_windows_are_texts(
    aws: SimulatedAws, commands: AwsCommands, text: str, expected: str | None
) -> None:
    """Without seconds, with an offset, with a zone's name; what is no time is no window."""

    def change(_: int, body: dict[str, Any]) -> None:
        body["WindowIdentities"] = [{"Name": "night", "NextExecutionTime": text}, {"Name": "never"}]

    aws.faults.add(Bend("DescribeMaintenanceWindows", change))
    found = commands.next_window(TARGET)
    assert (found and (found[0], found[1].isoformat())) == (expected and ("night", expected))


def test_rows_may_lack_everything() -> None:
    """An odd row is an empty one; no exception."""
    odd_rows: list[dict[str, Any]] = [
        {},
        {"CommandPlugins": None, "Parameters": None},
        {"CommandPlugins": [{}]},
    ]
    for odd in odd_rows:
        assert invocation(odd).response_code is None
        assert sent_command(odd).comment == ""
        assert not is_patching(odd)


@pytest.mark.parametrize(
    ("steps", "code", "output"),
    [
        ([("Success", 0, "Step execution skipped due to …"), ("Success", 0, "done")], 0, "done"),
        ([("Success", 0, "Step execution skipped due to …"), ("Failed", 1, "broken")], 1, "broken"),
        ([("Failed", 1, "broken"), ("Success", 0, "Step execution skipped")], 1, "broken"),
        ([("Pending", -1, ""), ("Pending", -1, "")], None, ""),
        ([("Success", 0, "Step execution skipped")], None, ""),
    ],
)
def test_the_step_that_ran_tells(
    steps: list[tuple[str, int, str]], code: int | None, output: str
) -> None:
    """AWS-RunPatchBaseline has one for each platform; skipped ones are successes with exit code 0."""
    plugins = [{"Status": s, "ResponseCode": c, "Output": o} for s, c, o in steps]
    found = invocation({"InstanceId": "i-1", "CommandPlugins": plugins})
    assert (found.response_code, found.output) == (code, output)


def test_the_tables_of_rights_name_every_action_that_is_used(
    aws: SimulatedAws, commands: AwsCommands, fleet: Fleet, clock: Hand
) -> None:
    """And none that is not: the policies are made from them."""
    command_id = commands.send(TARGET, order(commands, ids_of(fleet)[:1]))
    clock.pass_(1)
    commands.find(TARGET, since=AGO)
    commands.invocations(TARGET, command_id)
    commands.at_work(TARGET)
    commands.nodes_now(TARGET, ids_of(fleet)[:1])
    commands.next_window(TARGET)
    commands.cancel(TARGET, command_id)
    used = {f"{call.service}:{call.operation}" for call in aws.calls.all()}
    own = {right.action for right in (*FOLLOWING, *CHANGING)}
    assert own <= used
    assert used - own <= {right.action for right in READING}


def test_sending_and_cancelling_are_all_that_the_role_for_installs_does(
    aws: SimulatedAws, commands: AwsCommands, fleet: Fleet
) -> None:
    """Everything else is read with the role for reading."""
    account = Account(id="111122223333", role="Reader", install_role="Installer")
    target = Target(account, REGION)
    commands.at_work(target)
    commands.nodes_now(target, ids_of(fleet)[:1])
    roles = {
        call.parameters["RoleArn"].rsplit("/")[-1] for call in aws.calls.matching("AssumeRole")
    }
    assert roles == {"Reader"}
    with pytest.raises(AwsError):
        commands.cancel(target, "00000000-0000-4000-8000-000000000000")
    assert aws.calls.matching("AssumeRole")[-1].parameters["RoleArn"].endswith("/Installer")


def test_the_check_tries_what_reads_and_whether_the_role_can_be_assumed(
    aws: SimulatedAws, commands: AwsCommands
) -> None:
    """Nothing is sent and nothing cancelled."""
    account = Account(id="111122223333", role="Reader", install_role="Installer")
    found = commands.check(Target(account, REGION))
    assert all(one.ok for one in found), found
    assert [one.action for one in found[:-1]] == [right.action for right in FOLLOWING]
    assert ":assumed-role/Installer/" in found[-1].detail
    assert aws.calls.count("SendCommand") == aws.calls.count("CancelCommand") == 0
    assert [one.action for one in commands.check(TARGET)] == [right.action for right in FOLLOWING]
    aws.faults.deny("ListCommands")
    aws.faults.deny("AssumeRole")
    lost = commands.check(Target(replace(account, install_role="Other"), REGION))[-1]
    assert not lost.ok
    assert not lost.optional
    denied = [one for one in commands.check(TARGET) if not one.ok]
    assert [one.action for one in denied] == ["ssm:ListCommands"]
    assert "Scans and installs are refused" in denied[0].hint
