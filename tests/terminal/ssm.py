"""A Systems Manager of two nodes a Region, over HTTP: counts calls, denies, and keeps people waiting."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Ssm:
    """What it was asked and how it behaves. `denied` are Regions; `gate` holds every answer back until it is set."""

    address: str = ""
    calls: list[str] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    commands: list[dict[str, Any]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)

    def answer(
        self, operation: str, region: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Status and body of one call."""
        self.calls.append(f"{operation} {region}")
        self.asked.set()
        assert self.gate.wait(60)
        if region in self.denied:
            return 400, {
                "__type": "AccessDeniedException",
                "Message": "not authorized to perform: ssm",
            }
        match operation:
            case "DescribeInstanceProperties":
                ids = [f"i-{number:017x}" for number in (1, 2)]
                return 200, {"InstanceProperties": [_properties(one) for one in ids]}
            case "DescribeInstancePatchStates":
                return 200, {"InstancePatchStates": [_state(one) for one in body["InstanceIds"]]}
            case "ListCommands":
                return 200, {"Commands": self.commands}
        return 400, {
            "__type": "AccessDeniedException",
            "Message": "only these three operations here",
        }


def _properties(instance_id: str) -> dict[str, Any]:
    return {
        "InstanceId": instance_id,
        "Name": f"wéb-{instance_id[-1]}",
        "PlatformType": "Linux",
        "PlatformName": "Ubuntu",
        "PingStatus": "Online",
        "InstanceState": "running",
        "ResourceType": "EC2Instance",
    }


def _state(instance_id: str) -> dict[str, Any]:
    now = datetime.now(UTC).timestamp()
    return {
        "InstanceId": instance_id,
        "PatchGroup": "web",
        "BaselineId": "pb-0123456789abcdef0",
        "OperationStartTime": now,
        "OperationEndTime": now,
        "Operation": "Scan",
        "MissingCount": int(instance_id[-1]) - 1,
    }


@contextmanager
def serving() -> Iterator[Ssm]:
    """A running server that answers at once."""
    ssm = Ssm()
    ssm.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            target = self.headers.get("X-Amz-Target", "").partition(".")[2]
            region = self.headers.get("Authorization", "///").split("/")[2]
            body = json.loads(raw) if target else {}
            status, told = ssm.answer(target or "Query", region, body)
            answer = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    ssm.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield ssm
    finally:
        ssm.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
