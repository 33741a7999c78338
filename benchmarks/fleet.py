"""Reads a fleet of 10,000 nodes at 30 ms a call, beside bare concurrent boto3 doing the same calls.

Prints calls, medians and the ratio; then the same under a rate of 10 calls a second with a burst of 20; then how
long the process needs from its start to its first call.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.ssm_server import Running, running
from bot.aws.gateway import AwsGateway
from bot.core.environments import Account, Environment, Target

REGION = "eu-central-1"
TARGET = Target(Account(), REGION)
ENVIRONMENT = Environment("bench", (TARGET,))
THREADS = 16

FIRST_CALL = f"""
from bot.core.environments import Account, Environment, Target
from bot.aws.gateway import AwsGateway
target = Target(Account(), {REGION!r})
AwsGateway().read_target(Environment("bench", (target,)), target)
"""


def ours() -> int:
    """A cold reading: nothing is known beforehand, the clients are made too."""
    gateway = AwsGateway(concurrency=THREADS)
    try:
        reading = gateway.read_target(ENVIRONMENT, TARGET)
    finally:
        gateway.close()
    return sum(seen.state is not None for seen in reading.observations)


def bare() -> int:
    """The same calls as a good script makes them: pages, then all chunks on 16 threads."""
    import boto3
    from botocore.config import Config

    client = boto3.Session().client(
        "ssm", region_name=REGION, config=Config(max_pool_connections=THREADS)
    )

    def enumerated() -> Iterator[str]:
        for page in client.get_paginator("describe_instance_properties").paginate(
            PaginationConfig={"PageSize": 1000}
        ):
            yield from (row["InstanceId"] for row in page["InstanceProperties"])

    def states(ids: list[str]) -> list[Any]:
        answer = client.describe_instance_patch_states(InstanceIds=ids, MaxResults=50)
        return list(answer["InstancePatchStates"])

    ids = list(enumerated())
    with ThreadPoolExecutor(THREADS) as pool:
        chunks = [ids[at : at + 50] for at in range(0, len(ids), 50)]
        return sum(len(rows) for rows in pool.map(states, chunks))


def timed(server: Running, read: Callable[[], int]) -> tuple[float, int, dict[str, Any]]:
    """Seconds, patch states and the server's own count of calls."""
    server.reset()
    began = time.perf_counter()
    states = read()
    return time.perf_counter() - began, states, server.stats()


def unthrottled(nodes: int, rounds: int) -> None:
    """Ours and bare boto3 in turn."""
    with running(nodes) as server:
        os.environ["AWS_ENDPOINT_URL"] = server.address
        seconds: dict[str, list[float]] = {"patchbot": [], "bare boto3": []}
        for _ in range(rounds):
            for name, read in (("patchbot", ours), ("bare boto3", bare)):
                took, states, stats = timed(server, read)
                assert states == nodes, f"{name} read {states} of {nodes} nodes"
                seconds[name].append(took)
                calls = stats["calls"] + stats["elsewhere"]
                if len(seconds[name]) == 1:
                    elsewhere = f"{stats['elsewhere']} to EC2 and STS"
                    print(
                        f"{name:<11} {nodes} nodes, {calls} calls {stats['by_operation']}, {elsewhere}"
                    )
        medians = {name: statistics.median(taken) for name, taken in seconds.items()}
        for name, median in medians.items():
            print(f"{name:<11} median {median:.2f} s of {rounds} cold readings at 30 ms a call")
        print(f"ratio       {medians['patchbot'] / medians['bare boto3']:.2f} (3 is the limit)")


def throttled(nodes: int, rate: float, burst: float) -> None:
    """Ours against a rate; bare boto3 gives up there."""
    with running(nodes, rate=rate, burst=burst) as server:
        os.environ["AWS_ENDPOINT_URL"] = server.address
        took, states, stats = timed(server, ours)
        ideal = max(
            0.0,
            (stats["by_operation"]["DescribeInstancePatchStates"] - stats["throttled"] - burst)
            / rate,
        )
        print(
            f"throttled   {rate:g} calls/s, burst {burst:g}: {states} of {nodes} nodes in {took:.1f} s "
            f"({took / ideal:.2f} of the ideal {ideal:.1f} s), {stats['throttled']} of {stats['calls']} "
            f"calls refused ({stats['throttled'] / stats['calls']:.1%})"
        )


def first_call(rounds: int) -> None:
    """From the start of the process to the arrival of its first call, interpreter and imports included."""
    with running(10, latency=0) as server:
        environment = {**os.environ, "AWS_ENDPOINT_URL": server.address}
        taken = []
        for _ in range(rounds):
            server.reset()
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", FIRST_CALL], env=environment, check=True)
            taken.append(server.stats()["first_at"] - began)
        print(f"first call  {statistics.median(taken):.2f} s after the start of the process")


def main(arguments: list[str]) -> int:
    """Run it; `--quick` leaves the throttled reading out."""
    parser = argparse.ArgumentParser(prog="benchmarks fleet", description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=10)
    parser.add_argument("--burst", type=float, default=20)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args(arguments)
    os.environ.update(
        AWS_ACCESS_KEY_ID="testing",
        AWS_SECRET_ACCESS_KEY="testing",
        AWS_EC2_METADATA_DISABLED="true",
    )
    unthrottled(given.nodes, given.rounds)
    first_call(given.rounds)
    if not given.quick:
        throttled(given.nodes, given.rate, given.burst)
    return 0
