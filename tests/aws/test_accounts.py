"""Several accounts: a role is assumed in each, with its external id, and one that refuses is told apart."""

from __future__ import annotations

import pytest

from bot.aws.gateway import AwsGateway
from bot.core.environments import Account, Environment, Target
from bot.core.errors import AccessDenied, AwsError, ConfigurationError, Unreachable
from bot.demo.aws.server import SimulatedAws
from bot.demo.fleet.seeding import seed_directly
from tests.aws.conftest import EVERYTHING, REGION, TARGET, fleet_of

OTHER = "111122223333"
ROLE = Account(id=OTHER, role="PatchBotReader", external_id="ticket-42")


def test_each_account_is_read_through_its_role(aws: SimulatedAws, gateway: AwsGateway) -> None:
    """One AssumeRole for all calls and Regions of an account, and no question who we are."""
    seed_directly(fleet_of(3, account=aws.account))
    seed_directly(fleet_of(60, account=OTHER, seed=5))
    seed_directly(fleet_of(4, account=OTHER, region="us-east-1", seed=6))
    away, far = Target(ROLE, REGION), Target(ROLE, "us-east-1")
    environment = Environment("all", (TARGET, away, far))
    counts = [
        len(gateway.read_target(environment, target).observations) for target in environment.targets
    ]
    assert counts == [3, 60, 4]
    assert gateway.read_target(environment, away).account == OTHER
    (assumed,) = aws.calls.matching("AssumeRole")
    assert assumed.parameters["RoleArn"] == f"arn:aws:iam::{OTHER}:role/PatchBotReader"
    assert assumed.parameters["ExternalId"] == "ticket-42"
    assert assumed.parameters["RoleSessionName"] == "patchbot"
    assert aws.calls.count("GetCallerIdentity") == 1
    assert {call.account for call in aws.calls.matching("DescribeInstancePatchStates")} == {
        aws.account,
        OTHER,
    }


def test_a_role_that_may_not_be_assumed_names_itself(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """No fallback is tried, the hint says what to allow."""
    aws.faults.deny("AssumeRole")
    with pytest.raises(AccessDenied) as caught:
        gateway.read_target(EVERYTHING, Target(ROLE, REGION))
    assert caught.value.operation == "sts:AssumeRole"
    assert "PatchBotReader" in caught.value.message
    assert "external id" in caught.value.hint
    assert aws.calls.count(service="ssm") == 0


def test_a_role_without_an_account_is_a_configuration_error(
    aws: SimulatedAws, gateway: AwsGateway
) -> None:
    """The name alone says not where it is."""
    with pytest.raises(ConfigurationError, match="has no account"):
        gateway.read_target(EVERYTHING, Target(Account(role="PatchBotReader"), REGION))


def test_a_role_may_be_an_arn(aws: SimulatedAws, gateway: AwsGateway) -> None:
    """Then it says the account itself."""
    seed_directly(fleet_of(2, account=OTHER))
    arn = f"arn:aws:iam::{OTHER}:role/path/Reader"
    reading = gateway.read_target(EVERYTHING, Target(Account(role=arn), REGION))
    assert (reading.account, len(reading.observations)) == (OTHER, 2)


def test_no_credentials_is_unreachable_with_what_to_do(
    aws: SimulatedAws, gateway: AwsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for an account with a role, which needs some to begin with."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    for target in (TARGET, Target(ROLE, REGION)):
        with pytest.raises(Unreachable, match="no AWS credentials") as caught:
            gateway.read_target(EVERYTHING, target)
        assert "AWS_PROFILE" in caught.value.hint


def test_an_endpoint_that_does_not_answer_is_unreachable(
    gateway: AwsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="cannot be reached"):
        gateway.read_target(EVERYTHING, TARGET)


def test_a_configured_account_is_checked(aws: SimulatedAws, gateway: AwsGateway) -> None:
    """One question for all accounts without a role; another account's numbers are shown under no wrong name."""
    seed_directly(fleet_of(2, account=aws.account))
    own, other = Target(Account(id=aws.account), REGION), Target(Account(id=OTHER), REGION)
    for _ in range(2):
        reading = gateway.read_target(EVERYTHING, own)
        assert (reading.account, reading.notices) == (aws.account, ())
        with pytest.raises(AwsError) as caught:
            gateway.read_target(EVERYTHING, other)
        assert caught.value.message == (
            f"The credentials belong to account {aws.account}, not {OTHER}."
        )
        assert "role" in caught.value.hint
        assert caught.value.account == OTHER
    assert aws.calls.count(service="sts") == 1


@pytest.mark.parametrize("trouble", ["denied", "hanging"])
def test_an_account_that_cannot_be_checked_is_a_remark(
    aws: SimulatedAws, gateway: AwsGateway, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """No gap: the numbers are there."""
    seed_directly(fleet_of(2, account=aws.account))
    if trouble == "denied":
        aws.faults.deny("GetCallerIdentity")
    else:
        monkeypatch.setattr("bot.aws.calls.PATIENCE", 0.1)
        aws.faults.delay("GetCallerIdentity", seconds=2)
    reading = gateway.read_target(EVERYTHING, Target(Account(id=aws.account), REGION))
    assert (reading.account, reading.gaps) == (aws.account, ())
    why = "is not allowed" if trouble == "denied" else "did not answer in time"
    assert reading.notices[-1] == (
        f"That the credentials belong to account {aws.account} is not checked: "
        f"sts:GetCallerIdentity {why}."
    )


def test_patchbot_names_itself_to_aws(aws: SimulatedAws, gateway: AwsGateway) -> None:
    """With its version, in CloudTrail beside every call."""
    agents: list[str] = []
    client = gateway._clients.client(Account(), REGION, "ssm")
    client.meta.events.register(
        "before-send.ssm", lambda request, **_: agents.append(str(request.headers["User-Agent"]))
    )
    gateway.read_target(EVERYTHING, TARGET)
    assert agents
    assert all("patchbot/0." in agent or "patchbot" in agent.split() for agent in agents)
