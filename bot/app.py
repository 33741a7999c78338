"""The composition root: the one place where configuration, AWS, Slack, storage and commands meet."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bot.charts import trend_picture
from bot.chatops.context import Services
from bot.chatops.desk import Desk
from bot.chatops.registry import Registry
from bot.config import Settings
from bot.core.errors import AwsError, ConfigurationError
from bot.core.ledger import why_frozen
from bot.core.ports import Clock, ComplianceGateway, ReadingStore
from bot.services.compliance import Compliance
from bot.services.doctor import Check, Doctor, Finding, Outcome
from bot.services.installs import MEND

if TYPE_CHECKING:
    from bot.config.secrets import Secrets
    from bot.core.digest_reports import DigestReport
    from bot.core.ledger import Ledger
    from bot.core.ports import Progress
    from bot.doctoring import RightsGateway
    from bot.engine import Engine
    from bot.metrics import Metrics
    from bot.services.digesting import Digesting
    from bot.services.history import History
    from bot.slack.bot import SlackBot
    from bot.worker.timing import Timing

    class Gateway(ComplianceGateway, RightsGateway, Protocol):
        """What patchbot asks of AWS."""

        def close(self) -> None:
            """Give up what is under way: whoever waits for it is told."""
            ...


COMMANDS = "commands"
FLAGS = frozenset({"refresh"})
"""What commands take as a bare word, and no environment can be called."""
HTTP_PORT = 3000
REFRESH_AFTER = timedelta(seconds=30)
WORKER_SECONDS = 3.0
STOP_SECONDS = 4.0
"""Together less than the ten seconds after which Docker kills. A worker that hangs in a call is left: what it was about
stands in the ledger.
"""
SEEN_BY = (
    "AWS_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_ROLE_ARN",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SSM",
)


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class App:
    """patchbot, put together: `desk` answers, `services` are what it answers with. `create_app` makes one."""

    def __init__(
        self,
        settings: Settings,
        gateway: Gateway,
        store: ReadingStore,
        *,
        clock: Clock,
        timing: Timing | None = None,
    ) -> None:
        self.settings = settings
        self._gateway = gateway
        self._clock = clock
        self._timing = timing
        self._history: History | None = None
        self._bot: SlackBot | None = None
        self._metrics: Metrics | None = None
        self._running: Engine | None = None
        compliance = Compliance(
            settings.fleet(),
            gateway,
            store,
            clock=clock,
            time_to_live=settings.reading.time_to_live,
            refresh_after=REFRESH_AFTER,
            observe=self._observe,
        )
        commands = Registry(COMMANDS)
        self.services = Services(
            compliance,
            settings.policy(),
            Doctor(self._checks),
            commands,
            draw_trend=trend_picture,
        )
        self.desk = Desk(self.services, clock=clock)
        _refuse_words_of_commands(settings, commands)

    @contextmanager
    def started(self, *, transport: str | None = None, port: int | None = None) -> Iterator[str]:
        """Answer in Slack for as long as the block runs. Yields the address that is listened on, "" for none.

        `transport` and `port` win over the configuration. Raises ConfigurationError, with a sentence for each missing
        secret, and SlackError when Socket Mode cannot be reached.
        """
        from bot.config.secrets import load_secrets
        from bot.metrics import Metrics

        slack = self.settings.slack
        transport = transport or slack.transport
        port = slack.port if port is None else port
        secrets = load_secrets()
        if missing := secrets.missing(transport):
            raise ConfigurationError(
                " ".join(missing),
                hint="Set it, or NAME_FILE to the path of a file with it; `patchbot doctor` checks them.",
            )
        self._metrics = Metrics(self.services.compliance, clock=self._clock)
        with ExitStack() as stack:
            engine = self._running = stack.enter_context(self._engine())
            bot = self._bot = self._slack_bot(secrets, engine)
            # In this order at the end: finish what can be finished, then give up the readings that hang.
            stack.callback(self._gateway.close)
            stack.callback(bot.stop, STOP_SECONDS)
            address = ""
            if transport == "http" or port is not None:
                from bot.web.app import create_web_app
                from bot.web.server import serve_http

                self._metrics.watch_queue(lambda: bot.questions_held)
                web = create_web_app(
                    ready=bot.healthy,
                    metrics=self._metrics.registry,
                    slack=bot.handle_http if transport == "http" else None,
                    signing_secrets=secrets.signing_secrets(),
                )
                server = serve_http(web, host=slack.host, port=HTTP_PORT if port is None else port)
                stack.callback(server.stop)
                address = server.address
            if transport == "socket":
                bot.start_socket_mode()
            if engine is not None and engine.worker is not None:
                bot.begin_changes()
                engine.worker.start()
                stack.callback(engine.worker.stop, WORKER_SECONDS)
                self._metrics.watch_changes(engine.upkeep())
            if engine is not None and engine.hearing is not None:
                engine.hearing.start()
                stack.callback(engine.hearing.stop)
            yield address

    @contextmanager
    def _engine(self) -> Iterator[Engine | None]:
        """What changes servers, where AWS is the real gateway; tests of the reading side bring another one."""
        from bot.aws.gateway import AwsGateway

        if not isinstance(self._gateway, AwsGateway):
            yield None
            return
        from bot.engine import running

        with running(
            self.settings,
            self._gateway,
            self.services.compliance,
            clock=self._clock,
            timing=self._timing,
            draw_trend=self.services.draw_trend,
            count=self._count_event,
        ) as engine:
            self._history = engine.history
            self.services = replace(
                self.services,
                installs=engine.installs,
                ledger=engine.ledger,
                digests=engine.digesting,
                history=engine.history,
            )
            self.desk = Desk(self.services, clock=self._clock)
            yield engine

    def look_at_ledger(self) -> None:
        """Let the desk answer from the ledger and the history, beside the process that has them.

        Where there is none, nothing changes.
        """
        from bot.auditing import ledger_place
        from bot.aws.commands import AwsCommands
        from bot.aws.gateway import AwsGateway
        from bot.services.history import History
        from bot.services.installs import Installs
        from bot.services.surveying import Surveyor
        from bot.store.history import HISTORY_FILE, HistoryDatabase
        from bot.store.opening import open_for_reading

        place = ledger_place(self.settings)
        ledger = open_for_reading(place, clock=self._clock) if place.path.is_file() else None
        store = HistoryDatabase(self.settings.data_dir / HISTORY_FILE, read_only=True)
        installs = None
        if isinstance(self._gateway, AwsGateway):
            surveyor = Surveyor(
                self.services.compliance,
                AwsCommands(self._gateway),
                ledger,
                rules=self.settings.change_rules(),
                clock=self._clock,
                history=store,
            )
            installs = Installs(ledger, surveyor, clock=self._clock)
        history = self._history = History(
            store,
            self.services.compliance,
            deadlines=self.settings.deadlines(),
            clock=self._clock,
            ledger=ledger,
        )
        self.services = replace(
            self.services,
            installs=installs,
            ledger=ledger,
            digests=self._digesting(ledger),
            history=history,
        )
        self.desk = Desk(self.services, clock=self._clock)

    def digest(
        self, environment: str, *, refresh: bool = False, progress: Progress | None = None
    ) -> DigestReport:
        """What a digest would say now, compared with a day ago. Raises what composing raises."""
        now = self._clock()
        return self._digesting(self.services.ledger).compose(
            environment, now - timedelta(days=1), now, refresh=refresh, progress=progress
        )

    def _digesting(self, ledger: Ledger | None) -> Digesting:
        from bot.services.digesting import Digesting

        history = self._history
        return Digesting(
            self.services.compliance,
            history.store if history is not None else None,
            ledger,
            deadlines=history,
            owners=self.settings.digests.owners,
        )

    def serve(self) -> int:
        """Answer in Slack until SIGTERM or Ctrl-C, then finish what was taken on. Returns the exit code."""
        from bot import logs
        from bot.config.secrets import aws_secrets, load_secrets

        logs.configure(secrets=(*load_secrets().given(), *aws_secrets()))
        log = logs.logger("patchbot")
        with _ending_by_signal() as told_to_stop, self.started() as address:
            if self._running is not None and (reason := why_frozen(self._running.ledger)):
                log.error("ledger.read_only", reason=reason, hint=MEND)
            for finding in self.check_slack():
                tell = log.info if finding.outcome is Outcome.OK else log.warning
                tell("slack", what=finding.subject, found=finding.detail, hint=finding.hint)
            log.info(
                "serving",
                transport=self.settings.slack.transport,
                listening=address or "nowhere",
                environments=list(self.settings.environments),
                configuration=str(self.settings.path),
                data=str(self.settings.data_dir),
            )
            told_to_stop()
            log.info("stopping")
        log.info("stopped")
        return 0

    def _observe(self, environment: str, errors: Sequence[AwsError]) -> None:
        if self._metrics is not None:
            self._metrics.reading(environment, errors)

    def _count(self, command: str, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.question(command, outcome)

    def _count_event(self, what: str, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.event(what, outcome)

    def check_slack(self) -> Iterator[Finding]:
        """What the doctor finds about the Slack side, with the running bot or one made for the question."""
        from bot.config.secrets import load_secrets

        secrets = load_secrets()
        missing = secrets.missing(self.settings.slack.transport)
        socket_mode = self.settings.slack.transport == "socket"
        if not secrets.given():
            hint = f"For Slack: {' '.join(missing)}"
            yield Finding("secrets", Outcome.WARNING, "none is set: only the terminal works", hint)
            return
        for sentence in missing:
            name, _, rest = sentence.partition(" ")
            yield Finding(name, Outcome.FAILED, *rest.split(". ", 1))
        if self._bot is not None:
            yield from self._bot.check(socket_mode=socket_mode)
        elif secrets.slack_bot_token.get_secret_value():
            bot = self._slack_bot(secrets)
            try:
                yield from bot.check(socket_mode=socket_mode)
            finally:
                bot.stop(0)

    def _slack_bot(self, secrets: Secrets, engine: Engine | None = None) -> SlackBot:
        from bot import logs
        from bot.slack.bot import create_slack_bot

        logs.ensure()
        policy = self.services.access
        holders = (policy.viewers, policy.requesters, policy.approvers, policy.admins)
        return create_slack_bot(
            self.desk,
            bot_token=secrets.slack_bot_token.get_secret_value(),
            app_token=secrets.slack_app_token.get_secret_value(),
            signing_secret=secrets.slack_signing_secret.get_secret_value(),
            old_signing_secret=secrets.slack_signing_secret_old.get_secret_value(),
            api_url=secrets.slack_api_url,
            policy_usergroups=frozenset().union(*(members.usergroups for members in holders)),
            home_team=self.settings.slack.home_team,
            count=self._count,
            changing=engine.parts if engine is not None else None,
            rules=tuple(self.settings.change_rules().values()) if self._changes_anything() else (),
            channels=tuple(self.settings.digests.owners.values()),
        )

    def _checks(self) -> tuple[tuple[str, Check], ...]:
        from bot.doctoring import checks
        from bot.hearing import queues_of

        commands = None
        if self._changes_anything():
            from bot.aws.commands import AwsCommands
            from bot.aws.gateway import AwsGateway

            if isinstance(self._gateway, AwsGateway):
                commands = AwsCommands(self._gateway)
        hearing = self._running.hearing if self._running is not None else None
        return checks(
            self.settings,
            self._gateway,
            slack=self.check_slack,
            clock=self._clock,
            commands=commands,
            upkeep=self._running.upkeep().findings if self._running is not None else None,
            queues=queues_of(self.settings),
            deaf=hearing.listening.troubles if hearing is not None else (),
            troubles=self._running.troubles if self._running is not None else tuple,
        )

    def _changes_anything(self) -> bool:
        """Whether anybody may ask for scans or installs: who only reads need not have the rights for more."""
        return any(
            rules.requesters.anybody or rules.approvers.anybody
            for rules in self.settings.change_rules().values()
        )


def create_app(
    settings: Settings,
    *,
    gateway: Gateway | None = None,
    store: ReadingStore | None = None,
    clock: Clock = utc_now,
    timing: Timing | None = None,
) -> App:
    """Put the parts together. Nothing is connected, read or written yet.

    `gateway` and `store` stand in for AWS and cache.db. Raises ConfigurationError for a name that cannot be used.
    """
    if gateway is None:
        from bot.aws.gateway import AwsGateway

        gateway = AwsGateway(
            concurrency=settings.reading.concurrency,
            time_limit=settings.reading.time_limit.total_seconds(),
        )
    if store is None:
        from bot.store.cache import ReadingCache

        seen_by = "|".join(os.environ.get(name, "") for name in SEEN_BY)
        store = ReadingCache(settings.data_dir / "cache.db", seen_by=seen_by)
    return App(settings, gateway, store, clock=clock, timing=timing)


@contextmanager
def _ending_by_signal() -> Iterator[Callable[[], object]]:
    """Yields what waits for SIGTERM or Ctrl-C.

    By a wake-up socket: a signal that comes while the main thread is about to block wakes neither lock nor event, and
    the process would not end.
    """
    waiting, told = socket.socketpair()
    with waiting, told:
        told.setblocking(False)
        before = signal.set_wakeup_fd(told.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        try:
            yield lambda: waiting.recv(1)
        finally:
            signal.set_wakeup_fd(before)


def _refuse_words_of_commands(settings: Settings, commands: Registry) -> None:
    for name in settings.environments:
        if name in commands.names or name in FLAGS:
            raise ConfigurationError(
                f"{settings.path}: an environment cannot be called “{name}”, that is a word of a command.",
                hint="Give it another name.",
            )
