"""How many calls a cold reading of 10,000 nodes may cost; its time is the benchmark's business."""

from __future__ import annotations

import pytest

from benchmarks.ssm_server import running
from bot.aws.gateway import AwsGateway
from tests.aws.conftest import EVERYTHING, TARGET

MOST_CALLS = 230


def test_ten_thousand_nodes_cost_few_calls(
    monkeypatch: pytest.MonkeyPatch, gateway: AwsGateway
) -> None:
    """Ten pages and two hundred chunks, of a server that answers Systems Manager only."""
    with running(10_000, latency=0) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        reading = gateway.read_target(EVERYTHING, TARGET)
        stats = server.stats()
    assert len(reading.observations) == 10_000
    assert all(seen.state is not None for seen in reading.observations)
    assert reading.gaps == ()
    assert stats["by_operation"] == {
        "DescribeInstanceProperties": 10,
        "DescribeInstancePatchStates": 200,
    }
    assert stats["calls"] + stats["elsewhere"] <= MOST_CALLS
