"""Faults on demand, seen from boto3: what a client meets, and how often the server was asked."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    PaginationError,
)

from bot.demo.aws.calls import Call
from bot.demo.aws.faults import Faults
from bot.demo.aws.server import ACCESS_KEY, SECRET_KEY, SimulatedAws
from bot.demo.aws.wire import Answer
from bot.demo.fleet.demo import EU, US
from bot.demo.fleet.model import Fleet
from tests.demo.aws.conftest import NOW, everything, refusal

EMPTY_ANSWER = Answer(200, b"{}")
LISTING = ("describe_instance_properties", "InstanceProperties")


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Nobody: the tests here bring their own nodes."""
    return Fleet(now=NOW, nodes=())


def test_a_denied_region_is_denied_in_iams_words(aws: SimulatedAws, herd: Fleet) -> None:
    """Only the operation in that Region; the message names caller, action and resource."""
    fault = aws.faults.deny("DescribeInstanceProperties", region=US)
    aws.client("ssm", EU).describe_instance_properties()
    aws.client("ssm", US).describe_instance_information()
    code, message = refusal(aws.client("ssm", US).describe_instance_properties)
    assert code == "AccessDeniedException"
    assert message == (
        "User: arn:aws:sts::123456789012:user/moto is not authorized to perform: "
        f"ssm:DescribeInstanceProperties on resource: arn:aws:ssm:{US}:123456789012:* because "
        "no identity-based policy allows the ssm:DescribeInstanceProperties action"
    )
    assert fault.hits == 1
    aws.faults.clear()
    aws.client("ssm", US).describe_instance_properties()


def test_each_service_words_a_denial_its_own_way(aws: SimulatedAws) -> None:
    """EC2 and STS have other codes than Systems Manager."""
    aws.faults.deny()
    assert refusal(aws.client("ec2", EU).describe_tags)[0] == "UnauthorizedOperation"
    sts = aws.client("sts", EU)
    assert refusal(sts.get_caller_identity)[0] == "AccessDenied"
    role = "arn:aws:iam::111122223333:role/PatchBotReader"
    code, message = refusal(sts.assume_role, RoleArn=role, RoleSessionName="reader")
    assert code == "AccessDenied"
    assert message.endswith(f"on resource: {role}")


def test_an_assumed_role_is_named_in_the_denial(aws: SimulatedAws) -> None:
    """So that a gap can say which role lacks the right, in which account."""
    client = aws.client("ssm", EU, account="111122223333")
    aws.faults.deny(account="111122223333")
    _, message = refusal(client.describe_instance_properties)
    assert message.startswith("User: arn:aws:sts::111122223333:assumed-role/Seeder/")
    aws.client("ssm", EU).describe_instance_properties()


def test_the_next_calls_are_throttled(aws: SimulatedAws, ssm: Any) -> None:
    """And the one after them is not."""
    aws.faults.throttle("DescribeInstanceProperties", calls=2)
    for _ in range(2):
        assert refusal(ssm.describe_instance_properties) == (
            "ThrottlingException",
            "Rate exceeded",
        )
    ssm.describe_instance_properties()
    aws.faults.throttle()
    assert refusal(aws.client("ec2", EU).describe_tags)[0] == "RequestLimitExceeded"
    aws.faults.throttle()
    assert refusal(aws.client("sts", EU).get_caller_identity)[0] == "Throttling"


def test_the_rate_is_kept_per_account_region_and_operation() -> None:
    """A bucket of three refills at two a second, and each bucket has its own."""
    now = [100.0]
    faults = Faults(clock=lambda: now[0])
    limit = faults.limit_rate(rate=2.0, burst=3)

    def status(operation: str = "Describe", region: str = EU, account: str = "1") -> int:
        call = Call("ssm", operation, account, region, "key")
        return faults.apply(call, lambda _: EMPTY_ANSWER).status

    assert [status() for _ in range(4)] == [200, 200, 200, 400]
    assert status(operation="List") == status(region=US) == status(account="2") == 200
    now[0] += 1.0
    assert [status() for _ in range(3)] == [200, 200, 400]
    now[0] += 3600.0
    assert [status() for _ in range(4)] == [200, 200, 200, 400]
    assert limit.throttled == 3


@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalServerError"), (503, "ServiceUnavailable")]
)
def test_server_errors_pass_after_their_count(
    aws: SimulatedAws, ssm: Any, status: int, code: str
) -> None:
    """A client with retries never notices; one without does."""
    aws.faults.fail("DescribeInstanceProperties", status=status, calls=1)
    with pytest.raises(ClientError) as caught:
        ssm.describe_instance_properties()
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    ssm.describe_instance_properties()


def test_latency_is_added_to_each_call() -> None:
    """By the fault's own sleep, here a recorded one."""
    slept: list[float] = []
    faults = Faults(sleep=slept.append)
    faults.delay("Describe", seconds=0.03)
    for operation in ("Describe", "Describe", "List"):
        faults.apply(Call("ssm", operation, "1", EU, "key"), lambda _: EMPTY_ANSWER)
    assert slept == [0.03, 0.03]


def test_empty_pages_carry_a_token(aws: SimulatedAws, ssm: Any, herd: Fleet) -> None:
    """Whoever loops on rows instead of tokens loses nodes; the paginator gets them all."""
    fault = aws.faults.empty_page("DescribeInstanceProperties", calls=3)
    first = ssm.describe_instance_properties(MaxResults=50)
    assert first["InstanceProperties"] == []
    assert first["NextToken"]
    rows = everything(ssm, *LISTING, PaginationConfig={"PageSize": 50})
    assert [row["InstanceId"] for row in rows] == sorted(n.instance_id for n in herd.nodes)
    assert fault.hits == 3
    assert aws.calls.count("DescribeInstanceProperties") == 1 + 2 + 3


def test_empty_pages_of_two_operations_do_not_mix(aws: SimulatedAws, ssm: Any, herd: Fleet) -> None:
    """One page after the other, each with a token of its own: a reader who stops at a repeated one goes on."""
    aws.faults.empty_page("DescribeInstancePatchStates", calls=1)
    pages = aws.faults.empty_page("DescribeInstanceProperties", calls=3)
    tokens, token = [], ""
    while True:
        page = ssm.describe_instance_properties(
            MaxResults=50, **({"NextToken": token} if token else {})
        )
        if not (token := page.get("NextToken", "")):
            break
        tokens.append(token)
    assert len(tokens) == len(set(tokens)) == 3 + (len(herd.nodes) - 1) // 50
    assert pages.hits == 3


def test_a_repeated_token_would_never_end(aws: SimulatedAws, ssm: Any, herd: Fleet) -> None:
    """boto3's paginator notices; a loop of one's own must too."""
    aws.faults.repeat_token("DescribeInstanceProperties")
    with pytest.raises(PaginationError):
        everything(ssm, *LISTING, PaginationConfig={"PageSize": 50})
    token = ssm.describe_instance_properties(MaxResults=50)["NextToken"]
    page = ssm.describe_instance_properties(MaxResults=50, NextToken=token)
    assert page["NextToken"] == token
    assert page["InstanceProperties"]


def test_page_faults_leave_alone_what_has_no_pages(aws: SimulatedAws, ssm: Any) -> None:
    """Neither another service nor an operation without a token is bent."""
    aws.faults.empty_page(calls=None)
    aws.faults.repeat_token()
    assert ssm.get_default_patch_baseline()["OperatingSystem"] == "WINDOWS"
    assert aws.client("sts", EU).get_caller_identity()["Account"] == aws.account
    assert aws.client("ec2", EU).describe_tags()["Tags"] == []


def test_every_answer_has_a_request_id(aws: SimulatedAws, ssm: Any) -> None:
    """Also one that a fault gives: support is asked with it."""
    aws.faults.throttle("DescribeInstanceProperties")
    with pytest.raises(ClientError) as caught:
        ssm.describe_instance_properties()
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    assert ssm.describe_instance_properties()["ResponseMetadata"]["RequestId"]


def test_a_reset_connection_reached_no_aws(aws: SimulatedAws, ssm: Any, herd: Fleet) -> None:
    """The call is in the log, and nothing was done."""
    aws.faults.reset_connection("PutInventory")
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        ssm.put_inventory(InstanceId="mi-0123456789abcdef0", Items=[REPORT])
    assert aws.calls.count("PutInventory") == 1
    assert len(everything(ssm, *LISTING)) == len(herd.nodes)


def test_a_lost_answer_was_accepted(aws: SimulatedAws, ssm: Any, herd: Fleet) -> None:
    """The client sees the same broken connection, but the work is done."""
    aws.faults.lose_answer("PutInventory")
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        ssm.put_inventory(InstanceId="mi-0123456789abcdef0", Items=[REPORT])
    assert aws.calls.count("PutInventory") == 1
    assert len(everything(ssm, *LISTING)) == len(herd.nodes) + 1


REPORT = {
    "TypeName": "AWS:InstanceInformation",
    "SchemaVersion": "1.0",
    "CaptureTime": "2026-11-23T06:00:00Z",
    "Content": [{"PlatformType": "Linux"}],
}


def test_the_fleet_can_drift_between_two_pages(aws: SimulatedAws, ssm: Any, herd: Fleet) -> None:
    """A node that appears behind the reader's place is met, none is met twice."""
    ids = sorted(node.instance_id for node in herd.nodes)
    newcomer = "mi-0123456789abcdef0"
    aws.faults.before_call(
        "DescribeInstanceProperties",
        nth=2,
        action=lambda: ssm.put_inventory(InstanceId=newcomer, Items=[REPORT]),
    )
    rows = everything(ssm, *LISTING, PaginationConfig={"PageSize": 50})
    assert [row["InstanceId"] for row in rows] == [*ids, newcomer]


def test_retries_show_in_the_call_log(aws: SimulatedAws) -> None:
    """What botocore's standard retries really send."""
    aws.faults.throttle("DescribeInstanceProperties", calls=None)
    eager = boto3.Session(ACCESS_KEY, SECRET_KEY).client(
        "ssm",
        region_name=EU,
        endpoint_url=aws.url,
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )
    with pytest.raises(ClientError):
        eager.describe_instance_properties()
    assert aws.calls.count("DescribeInstanceProperties") == 2


def test_one_fault_can_be_taken_away(aws: SimulatedAws, ssm: Any) -> None:
    """The others stay."""
    first = aws.faults.throttle("DescribeInstanceProperties", calls=None)
    aws.faults.deny("DescribeInstanceProperties")
    assert refusal(ssm.describe_instance_properties)[0] == "ThrottlingException"
    aws.faults.remove(first)
    assert refusal(ssm.describe_instance_properties)[0] == "AccessDeniedException"
