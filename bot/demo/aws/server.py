"""The simulated AWS as a server on 127.0.0.1 that any SDK can be pointed at."""

import socket
import struct
from threading import Lock, Thread
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from typing_extensions import override
from werkzeug.serving import BaseWSGIServer, make_server

from bot.demo.aws.calls import CallLog
from bot.demo.aws.event_bus import EventBus
from bot.demo.aws.fault_kinds import ConnectionCutError
from bot.demo.aws.faults import Faults
from bot.demo.aws.gate import Gate
from bot.demo.aws.installation import install
from bot.demo.aws.run_command.behaviour import Behaviour, Fate, Outcome

# moto knows an account by its access keys; this one it takes for the default account.
ACCESS_KEY = "AKIADEMOPATCHBOT0001"
SECRET_KEY = "demo"  # noqa: S105 -- a simulated AWS checks no signature

_one_at_a_time = Lock()


class SimulatedAwsRunningError(RuntimeError):
    """A second simulated AWS was started in a process whose moto state is already in use."""


class _Handler(MotoRequestHandler):
    """Silent, and able to break a connection the hard way."""

    _cut = False

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: calls are in the call log."""

    @override
    def connection_dropped(
        self, error: BaseException, environ: dict[str, Any] | None = None
    ) -> None:
        """Called when the application raised a ConnectionError."""
        self.close_connection = True
        self._cut = isinstance(error, ConnectionCutError)

    def finish(self) -> None:
        """Close the streams; a connection that a fault cut is reset instead of ended."""
        super().finish()
        if self._cut:
            # Linger of zero seconds makes close() send RST.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()


class SimulatedAws:
    """AWS for tests and for the demo: `with SimulatedAws() as aws: …`.

    `calls` is the log of what arrived, `faults` what goes wrong, `behaviour` how commands run, `events` what
    EventBridge delivers. State is moto's, hence one per process at a time; it is empty at the start and wiped at
    the end.
    """

    account = DEFAULT_ACCOUNT_ID

    def __init__(self, *, port: int = 0, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.calls = CallLog()
        self.faults = Faults()
        self.events = EventBus()
        self._port = port
        self._gate: Gate | None = None
        self._server: BaseWSGIServer | None = None
        self._thread: Thread | None = None
        self._sessions: dict[str, boto3.Session] = {}

    def start(self) -> "SimulatedAws":
        """Listen. Raises SimulatedAwsRunningError when this process runs one already."""
        if not _one_at_a_time.acquire(blocking=False):
            raise SimulatedAwsRunningError(
                "This process already runs a simulated AWS: stop it before starting another."
            )
        try:
            install(self.behaviour)
            self.behaviour.listeners.append(self.events.status_changed)
            self.behaviour.compliance_listeners.append(self.events.compliance_changed)
            moto_api_backend.reset()
            application = DomainDispatcherApplication(create_backend_app)
            self._gate = gate = Gate(application, log=self.calls, faults=self.faults)
            self._server = make_server(
                "127.0.0.1", self._port, gate, threaded=True, request_handler=_Handler
            )
        except BaseException:
            _one_at_a_time.release()
            raise
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and forget everything; twice is once."""
        if self._server is None or self._thread is None or self._gate is None:
            return
        self._gate.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._server = self._thread = self._gate = None
        self._sessions.clear()
        self.behaviour.listeners.remove(self.events.status_changed)
        self.behaviour.compliance_listeners.remove(self.events.compliance_changed)
        moto_api_backend.reset()
        _one_at_a_time.release()

    def __enter__(self) -> "SimulatedAws":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def nodes_will(
        self,
        *instance_ids: str,
        outcome: Outcome | str,
        operation: str = "",
        times: int | None = None,
        exit_code: int = 1,
        output: str = "",
        patches: int = 1,
    ) -> None:
        """Decide what becomes of nodes in coming commands; see `Outcome`.

        Of an `operation` (Scan, Install; empty: any), so many `times` (None: always). `exit_code` and
        `output` are those of a failure, `patches` how many fail to install. "success" makes the nodes
        do as they should again.
        """
        wanted = Outcome(outcome)
        for instance_id in instance_ids:
            if wanted is Outcome.SUCCESS and not operation:
                self.behaviour.forget(instance_id)
            fate = Fate(wanted, operation, times, exit_code, output, patches)
            self.behaviour.decide(instance_id, fate)

    @property
    def url(self) -> str:
        """The endpoint, for AWS_ENDPOINT_URL."""
        if self._server is None:
            raise RuntimeError("The simulated AWS is not running: call start() first.")
        return f"http://127.0.0.1:{self._server.server_port}"

    def credentials_environment(self) -> dict[str, str]:
        """Variables with which botocore, in this or another process, reaches this server only.

        A profile of the person at the keyboard would win over some of them: drop AWS_PROFILE.
        """
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_SESSION_TOKEN": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def client(self, service: str, region: str, *, account: str | None = None) -> Any:
        """A boto3 client for this server that never retries, so that every error is seen.

        For another account than the default one it assumes the role `Seeder` there.
        """
        return self._session(account or self.account).client(
            service,
            region_name=region,
            endpoint_url=self.url,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20),
        )

    def _session(self, account: str) -> boto3.Session:
        if account not in self._sessions:
            keys = (ACCESS_KEY, SECRET_KEY, "")
            if account != self.account:
                sts = self.client("sts", "us-east-1")
                granted = sts.assume_role(
                    RoleArn=f"arn:aws:iam::{account}:role/Seeder", RoleSessionName="seeder"
                )["Credentials"]
                keys = (
                    granted["AccessKeyId"],
                    granted["SecretAccessKey"],
                    granted["SessionToken"],
                )
            self._sessions[account] = boto3.Session(*keys)
        return self._sessions[account]
