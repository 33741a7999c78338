"""The server around moto: its life, its log, its accounts, and what it refuses."""

import http.client
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError

from bot.demo.aws.installation import added_operations, install
from bot.demo.aws.server import SimulatedAws, SimulatedAwsRunningError
from bot.demo.fleet.demo import EU, US
from bot.demo.fleet.model import Fleet
from tests.demo.aws.conftest import refusal

REPORT = {
    "TypeName": "AWS:InstanceInformation",
    "SchemaVersion": "1.0",
    "CaptureTime": "2026-11-23T06:00:00Z",
    "Content": [{}],
}


@pytest.fixture
def aws() -> Iterator[SimulatedAws]:
    """A server of the test's own, empty."""
    with SimulatedAws() as running:
        yield running


@pytest.fixture
def account() -> str:
    """The default account, which is empty here."""
    return SimulatedAws.account


def test_several_live_one_after_the_other() -> None:
    """Each starts empty, listens on loopback only and is gone after stop."""
    for _ in range(2):
        with SimulatedAws() as aws:
            assert urlsplit(aws.url).hostname == "127.0.0.1"
            ssm = aws.client("ssm", EU)
            assert ssm.describe_instance_properties()["InstanceProperties"] == []
            ssm.put_inventory(InstanceId="mi-0123456789abcdef0", Items=[REPORT])
            address = urlsplit(aws.url).netloc
        with pytest.raises(ConnectionRefusedError):
            http.client.HTTPConnection(address).connect()
        with pytest.raises(RuntimeError, match="start"):
            _ = aws.url


def test_two_at_once_are_refused(aws: SimulatedAws) -> None:
    """moto's state is the process's: a second server would share it."""
    with pytest.raises(SimulatedAwsRunningError, match="stop it"):
        SimulatedAws().start()
    aws.stop()
    aws.stop()
    with SimulatedAws() as other:
        assert other.url != ""


def test_a_call_delayed_beyond_the_end_does_nothing() -> None:
    """It must not fall into the state of the next server."""
    entered, leave = Event(), Event()
    with SimulatedAws() as first, ThreadPoolExecutor(1) as pool:
        late = first.client("ssm", EU)
        first.faults.before_call("PutInventory", nth=1, action=lambda: _wait(entered, leave))
        call = pool.submit(late.put_inventory, InstanceId="mi-0123456789abcdef0", Items=[REPORT])
        assert entered.wait(10)
        first.stop()
        with SimulatedAws() as second:
            leave.set()
            with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
                call.result(10)
            listed = second.client("ssm", EU).describe_instance_properties()
            assert listed["InstanceProperties"] == []


def _wait(entered: Event, leave: Event) -> None:
    entered.set()
    leave.wait(10)


def test_the_log_counts_by_account_region_and_operation(aws: SimulatedAws) -> None:
    """From many threads at once, until it is cleared."""
    clients = [aws.client("ssm", EU), aws.client("ssm", US)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: clients[n % 2].describe_instance_properties(), range(40)))
    assert aws.calls.counter() == Counter(
        {
            (aws.account, EU, "DescribeInstanceProperties"): 20,
            (aws.account, US, "DescribeInstanceProperties"): 20,
        }
    )
    assert aws.calls.count(service="ssm", region=EU) == 20
    aws.calls.clear()
    assert len(aws.calls) == 0


def test_the_log_keeps_what_was_asked(aws: SimulatedAws) -> None:
    """Members of the JSON protocol and fields of the query protocol."""
    aws.client("ssm", EU).describe_instance_patch_states(InstanceIds=["i-0123456789abcdef0"])
    role = "arn:aws:iam::111122223333:role/PatchBotReader"
    aws.client("sts", EU).assume_role(RoleArn=role, RoleSessionName="reader")
    states, assume = aws.calls.all()
    assert states.parameters == {"InstanceIds": ["i-0123456789abcdef0"]}
    assert (assume.service, assume.operation) == ("sts", "AssumeRole")
    assert assume.parameters["RoleArn"] == role


def test_accounts_and_regions_are_apart(aws: SimulatedAws, herd: Fleet) -> None:
    """A role of another account sees that account's nodes: none."""

    def count(region: str, account: str | None) -> int:
        client = aws.client("ssm", region, account=account)
        return len(client.describe_instance_properties(MaxResults=1000)["InstanceProperties"])

    assert (count(EU, None), count(US, None), count(EU, "111122223333")) == (120, 0, 0)
    identity = aws.client("sts", EU, account="111122223333").get_caller_identity()
    assert identity["Account"] == "111122223333"


def test_an_unsigned_request_gets_nothing(aws: SimulatedAws, herd: Fleet) -> None:
    """A web page must not be able to reach moto's reset door."""
    for method, path in (("POST", "/moto-api/reset"), ("GET", "/"), ("GET", "/moto-api/")):
        connection = http.client.HTTPConnection(urlsplit(aws.url).netloc)
        connection.request(method, path)
        response = connection.getresponse()
        assert response.status == 403
        assert not any(name.lower().startswith("access-control") for name in response.headers)
        connection.close()
    assert aws.client("ssm", EU).describe_instance_properties()["InstanceProperties"]


def test_an_operation_nobody_built_is_refused_at_once(ssm: Any) -> None:
    """moto alone would answer 500, which clients retry."""
    code, message = refusal(ssm.describe_ops_items)
    assert code == "UnknownOperationException"
    assert "DescribeOpsItems" in message


def test_installing_twice_changes_nothing(aws: SimulatedAws, ssm: Any) -> None:
    """The server does it at every start."""
    install()
    install()
    assert ssm.describe_instance_properties()["InstanceProperties"] == []
    names = [operation.__name__ for operation in added_operations()]
    assert len(names) == len(set(names))


def test_another_process_needs_only_the_environment(aws: SimulatedAws, herd: Fleet) -> None:
    """credentials_environment points a plain boto3 of a child process at this server."""
    program = (
        "import boto3; c = boto3.client('ssm', region_name='eu-central-1');"
        "print(len(c.describe_instance_properties(MaxResults=1000)['InstanceProperties']))"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**clean, **aws.credentials_environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "120"
