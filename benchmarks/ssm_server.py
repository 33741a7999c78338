"""A server that answers like Systems Manager: real limits, a latency, and, if asked for, a rate with a burst.

It runs as a process of its own, so that it does not share the interpreter of what is measured, and answers nothing
but what a reading of a fleet asks Systems Manager. `python -m benchmarks.ssm_server --nodes 10000` prints its address.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PREFIX = b"x-amz-target: amazonssm."


class RefusalError(Exception):
    """An error as Systems Manager words it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class Bucket:
    """AWS's side of a rate: so many calls a second, so many at once."""

    rate: float
    burst: float
    tokens: float = 0.0
    filled_at: float = 0.0

    def take(self) -> bool:
        now = time.monotonic()
        if not self.filled_at:
            self.tokens, self.filled_at = self.burst, now
        self.tokens = min(self.burst, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Server:
    """The fleet and what was asked about it."""

    nodes: int
    latency: float
    rate: float
    burst: float
    buckets: dict[str, Bucket] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    elsewhere: int = 0
    first_at: float = 0.0

    def __post_init__(self) -> None:
        self.ids = [f"i-{number:017x}" for number in range(self.nodes)]
        self.states = {key: json.dumps(_state(n, key)) for n, key in enumerate(self.ids)}
        self.rows = [json.dumps(_properties(n, key)) for n, key in enumerate(self.ids)]
        self.answers: dict[tuple[str, int, int], bytes] = {}

    def stats(self) -> dict[str, Any]:
        return {
            "calls": sum(self.calls.values()),
            "by_operation": dict(self.calls),
            "throttled": self.throttled,
            "elsewhere": self.elsewhere,
            "first_at": self.first_at,
        }

    def reset(self) -> None:
        self.buckets.clear()
        self.calls.clear()
        self.throttled, self.elsewhere, self.first_at = 0, 0, 0.0

    def answer(self, operation: str, body: bytes) -> bytes:
        self.first_at = self.first_at or time.monotonic()
        self.calls[operation] += 1
        if self.rate:
            bucket = self.buckets.setdefault(operation, Bucket(self.rate, self.burst))
            if not bucket.take():
                self.throttled += 1
                raise RefusalError("ThrottlingException", "Rate exceeded")
        arguments = json.loads(body or b"{}")
        if operation == "DescribeInstanceProperties":
            return self._page("InstanceProperties", arguments, 5, 1000)
        if operation == "DescribeInstanceInformation":
            return self._page("InstanceInformationList", arguments, 5, 50)
        if operation == "DescribeInstancePatchStates":
            return self._patch_states(arguments)
        raise RefusalError("UnknownOperationException", f"Unknown operation {operation}")

    def _page(self, name: str, arguments: dict[str, Any], least: int, most: int) -> bytes:
        size = arguments.get("MaxResults", 10)
        if not least <= size <= most:
            raise RefusalError("ValidationException", f"MaxResults must be at most {most}")
        start = int(arguments.get("NextToken") or 0)
        key = (name, start, size)
        if key not in self.answers:
            token = f', "NextToken": "{start + size}"' if start + size < self.nodes else ""
            rows = ", ".join(self.rows[start : start + size])
            self.answers[key] = f'{{"{name}": [{rows}]{token}}}'.encode()
        return self.answers[key]

    def _patch_states(self, arguments: dict[str, Any]) -> bytes:
        ids = arguments.get("InstanceIds")
        if ids is None or len(ids) > 50:
            raise RefusalError("ValidationException", "InstanceIds must have at most 50 members")
        if not 10 <= arguments.get("MaxResults", 50) <= 50:
            raise RefusalError("ValidationException", "MaxResults must be between 10 and 50")
        rows = ", ".join(self.states[key] for key in ids if key in self.states)
        return f'{{"InstancePatchStates": [{rows}]}}'.encode()


def _properties(number: int, key: str) -> dict[str, Any]:
    return {
        "InstanceId": key,
        "Name": f"web-{number:05}.prod.example.internal",
        "InstanceType": "m6i.large",
        "InstanceRole": "arn:aws:iam::111122223333:instance-profile/Managed",
        "InstanceState": "running",
        "Architecture": "x86_64",
        "IPAddress": f"10.{number // 65536}.{number // 256 % 256}.{number % 256}",
        "LaunchTime": 1.7e9 + number,
        "PingStatus": "Online",
        "LastPingDateTime": 1.79e9 + number / 7,
        "AgentVersion": "3.3.1142.0",
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
        "ComputerName": f"ip-10-0-0-{number}.eu-central-1.compute.internal",
        "AssociationStatus": "Success",
        "LastAssociationExecutionDate": 1.79e9,
        "LastSuccessfulAssociationExecutionDate": 1.79e9,
        "SourceId": key,
        "SourceType": "AWS::EC2::Instance",
    }


def _state(number: int, key: str) -> dict[str, Any]:
    return {
        "InstanceId": key,
        "PatchGroup": "web",
        "BaselineId": "pb-0123456789abcdef0",
        "SnapshotId": "b6e6e1a4-0f1e-4d34-8a52-2f4d0c3b9f11",
        "OwnerInformation": "",
        "InstalledCount": 210,
        "InstalledOtherCount": 17,
        "InstalledPendingRebootCount": number % 11 == 0,
        "InstalledRejectedCount": 0,
        "MissingCount": number % 7,
        "FailedCount": number % 13 == 0,
        "UnreportedNotApplicableCount": 0,
        "NotApplicableCount": 900,
        "OperationStartTime": 1.79e9 + number,
        "OperationEndTime": 1.79e9 + number + 60.5,
        "Operation": "Scan",
        "LastNoRebootInstallOperationTime": 1.78e9,
        "RebootOption": "NoReboot",
        "CriticalNonCompliantCount": number % 7 // 3,
        "SecurityNonCompliantCount": number % 7,
        "OtherNonCompliantCount": 0,
    }


async def serve(server: Server) -> None:
    """Answer until the process ends."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                low = head.lower()
                length = _header(low, b"content-length: ")
                body = await reader.readexactly(int(length or 0))
                writer.write(await respond(server, head, low, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    listening = await asyncio.start_server(connection, "127.0.0.1", 0, backlog=256)
    print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", flush=True)
    async with listening:
        await listening.serve_forever()


async def respond(server: Server, head: bytes, low: bytes, body: bytes) -> bytes:
    """The HTTP answer to one request."""
    if head.startswith(b"GET /stats"):
        return _http(200, json.dumps(server.stats()).encode())
    if head.startswith(b"POST /reset"):
        server.reset()
        return _http(200, b"{}")
    if PREFIX not in low:
        server.elsewhere += 1
        return _http(404, b"<html><body>Only Systems Manager lives here.</body></html>")
    at = low.index(PREFIX) + len(PREFIX)
    operation = head[at : head.index(b"\r\n", at)].decode()
    await asyncio.sleep(server.latency)
    try:
        return _http(200, server.answer(operation, body))
    except RefusalError as refusal:
        error = {"__type": refusal.code, "message": str(refusal)}
        return _http(400, json.dumps(error).encode())


def _header(head: bytes, name: bytes) -> bytes:
    at = head.find(b"\r\n" + name)
    return head[at + 2 + len(name) : head.index(b"\r\n", at + 2)] if at >= 0 else b""


def _http(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Running:
    """A server in a process of its own."""

    def __init__(self, address: str) -> None:
        self.address = address

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.address}/stats") as answer:  # noqa: S310 - our own
            told: dict[str, Any] = json.load(answer)
        return told

    def reset(self) -> None:
        request = urllib.request.Request(f"{self.address}/reset", method="POST")  # noqa: S310
        urllib.request.urlopen(request).close()  # noqa: S310


@contextmanager
def running(
    nodes: int, *, latency: float = 0.03, rate: float = 0, burst: float = 0
) -> Iterator[Running]:
    """Start a server, and end it afterwards."""
    command = [sys.executable, "-m", "benchmarks.ssm_server", "--nodes", str(nodes)]
    command += ["--latency", str(latency), "--rate", str(rate), "--burst", str(burst)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Running(process.stdout.readline().strip())
        finally:
            process.terminate()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.03)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--burst", type=float, default=0)
    given = parser.parse_args()
    asyncio.run(serve(Server(given.nodes, given.latency, given.rate, given.burst)))
