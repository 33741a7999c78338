"""Who asks when, and how often AWS is asked then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.environments import Account, Environment, Target
from bot.core.errors import (
    AccessDenied,
    AwsError,
    NotFound,
    PatchbotError,
    Stopping,
    StorageError,
    Throttled,
    Unreachable,
)
from bot.core.figures import Judged, judge_all
from bot.core.judgement import Reason, Status
from bot.core.nodes import Baseline, ManagedNode, NodeKey, Observation, Patch, PatchState
from bot.core.ports import Progress
from bot.core.readings import Gap, Reading, TargetReading
from bot.services.compliance import RETRY_PASSING, Compliance

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
TTL = timedelta(minutes=10)
ACCOUNT = "111122223333"
FRANKFURT = Target(Account(), "eu-central-1")
VIRGINIA = Target(Account(), "us-east-1")
PROD = Environment("prod", (FRANKFURT, VIRGINIA))
DEV = Environment("dev", (FRANKFURT,))
PATCH = Patch("Fix", "KB1", "Security", "Critical", "Missing")
DENIED = AccessDenied("ssm may not be asked.", hint="Grant it.")
NO_ROUTE = Unreachable("No route.", hint="Check the network.")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


@dataclass
class Gateway:
    """Two nodes in each target, one of them non-compliant; refuses where it is told to."""

    clock: Clock
    errors: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    gate: threading.Event | None = None
    entered: threading.Event = field(default_factory=threading.Event)

    def read_target(
        self, environment: Environment, target: Target, *, progress: Progress | None = None
    ) -> TargetReading:
        self.asked.append(f"{environment.name}/{target.region}")
        self.entered.set()
        if self.gate is not None:
            assert self.gate.wait(30)
        if target.region in self.errors:
            raise self.errors[target.region]
        if progress is not None:
            progress(target.region, 2, 2)
        return TargetReading(
            target,
            ACCOUNT,
            self.clock(),
            tuple(seen(f"i-{number}", target.region, missing=number) for number in (0, 1)),
        )

    def patches(self, key: NodeKey, target: Target) -> tuple[Patch, ...]:
        self.asked.append(f"patches of {key.instance_id} in {target.region}")
        if target.region in self.errors:
            raise self.errors[target.region]
        return (PATCH,)

    def baseline(self, baseline_id: str, target: Target) -> Baseline:
        if target.region in self.errors:
            raise self.errors[target.region]
        return Baseline(baseline_id, name=f"found in {target.region}")


def seen(instance_id: str, region: str, *, missing: int = 0) -> Observation:
    node = ManagedNode(instance_id, ACCOUNT, region, instance_state="running")
    state = PatchState(instance_id, baseline_id="pb-1", operation_end_time=START, missing=missing)
    return Observation(node, state)


class Memory:
    """A store that keeps everything, or fails at everything."""

    def __init__(self) -> None:
        self.readings: dict[str, Reading] = {}
        self.kept: dict[tuple[NodeKey, datetime | None], tuple[datetime, tuple[Patch, ...]]] = {}
        self.broken = False
        self.on_load: Callable[[], None] = lambda: None
        self.on_save: Callable[[], None] = lambda: None

    def _check(self) -> None:
        if self.broken:
            raise StorageError("The disk is full.")

    def load(self, environment: Environment) -> Reading | None:
        self._check()
        self.on_load()
        found = self.readings.get(environment.name)
        return replace(found, source="cache") if found is not None else None

    def save(self, environment: Environment, reading: Reading) -> None:
        self._check()
        self.on_save()
        self.readings[environment.name] = reading

    def load_patches(
        self, key: NodeKey, operation_end_time: datetime | None
    ) -> tuple[datetime, tuple[Patch, ...]] | None:
        self._check()
        return self.kept.get((key, operation_end_time))

    def save_patches(
        self,
        key: NodeKey,
        operation_end_time: datetime | None,
        patches: tuple[Patch, ...],
        *,
        read_at: datetime,
    ) -> None:
        self._check()
        self.kept[key, operation_end_time] = (read_at, patches)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway(clock: Clock) -> Gateway:
    return Gateway(clock)


@pytest.fixture
def store() -> Memory:
    return Memory()


@pytest.fixture
def compliance(gateway: Gateway, store: Memory, clock: Clock) -> Compliance:
    return restarted(gateway, store, clock)


def restarted(gateway: Gateway, store: Memory, clock: Clock) -> Compliance:
    """A new process over the same store."""
    environments = {"prod": PROD, "dev": DEV}
    return Compliance(environments, gateway, store, clock=clock, time_to_live=TTL)


def test_a_first_question_reads_every_target(compliance: Compliance, gateway: Gateway) -> None:
    reading = compliance.read("prod")
    assert sorted(gateway.asked) == ["prod/eu-central-1", "prod/us-east-1"]
    assert reading.source == "aws"
    assert reading.as_of == START
    assert len(reading.observations) == 4


def test_an_answer_within_its_time_to_live_costs_no_call(
    compliance: Compliance, gateway: Gateway, clock: Clock
) -> None:
    compliance.read("prod")
    clock.advance(TTL - timedelta(seconds=1))
    again = compliance.read("prod")
    assert len(gateway.asked) == 2
    assert (again.source, again.as_of) == ("cache", START)
    clock.advance(timedelta(seconds=1))
    assert compliance.read("prod").as_of == START + TTL
    assert len(gateway.asked) == 4


def test_a_new_process_answers_from_the_store(
    compliance: Compliance, gateway: Gateway, store: Memory, clock: Clock
) -> None:
    compliance.read("prod")
    clock.advance(timedelta(minutes=9))
    kept = restarted(gateway, store, clock).read("prod")
    assert (kept.source, kept.as_of) == ("cache", START)
    assert len(gateway.asked) == 2
    clock.advance(timedelta(minutes=9))
    assert restarted(gateway, store, clock).read("prod").source == "aws"


def test_refresh_reads_again_also_in_a_new_process(
    compliance: Compliance, gateway: Gateway, store: Memory, clock: Clock
) -> None:
    compliance.read("prod")
    assert compliance.read("prod", refresh=True).source == "aws"
    assert restarted(gateway, store, clock).read("prod", refresh=True).source == "aws"
    assert len(gateway.asked) == 6


def impatient(gateway: Gateway, store: Memory, clock: Clock) -> Compliance:
    """As in the running bot: AWS is not read again within half a minute."""
    return Compliance(
        {"prod": PROD, "dev": DEV},
        gateway,
        store,
        clock=clock,
        time_to_live=TTL,
        refresh_after=timedelta(seconds=30),
    )


def test_a_refresh_right_after_a_reading_gets_that_one_and_a_word_about_it(
    gateway: Gateway, store: Memory, clock: Clock
) -> None:
    """Otherwise one person who keeps on clicking keeps AWS read for ever."""
    compliance = impatient(gateway, store, clock)
    assert compliance.read("prod", refresh=True).notices == ()
    clock.advance(timedelta(seconds=29))
    spared = compliance.read("prod", refresh=True)
    assert (spared.source, spared.as_of) == ("cache", START)
    assert "asked again 30 seconds after" in spared.notices[0]
    assert len(gateway.asked) == 2
    assert compliance.read("prod").notices == ()
    assert compliance.read("dev", refresh=True).source == "aws"
    clock.advance(timedelta(seconds=1))
    again = compliance.read("prod", refresh=True)
    assert (again.source, again.notices) == ("aws", ())


def test_the_wait_begins_when_a_reading_ends(gateway: Gateway, store: Memory, clock: Clock) -> None:
    """A long one would be over-age by its start at once."""
    compliance = impatient(gateway, store, clock)
    store.on_save = lambda: clock.advance(timedelta(minutes=1))
    compliance.read("prod")
    assert compliance.read("prod", refresh=True).as_of == START
    assert len(gateway.asked) == 2


def test_a_reading_loaded_from_the_store_does_not_hold_up_a_refresh(
    gateway: Gateway, store: Memory, clock: Clock
) -> None:
    impatient(gateway, store, clock).read("prod")
    second = impatient(gateway, store, clock)
    assert second.read("prod").source == "cache"
    assert second.read("prod", refresh=True).source == "aws"


def test_patches_that_were_just_listed_are_not_listed_again(
    gateway: Gateway, store: Memory, clock: Clock
) -> None:
    compliance = impatient(gateway, store, clock)
    (node, *_) = [one for one in compliance.judged("prod")[1] if one.seen.state is not None]
    compliance.patches("prod", node)
    before = len(gateway.asked)
    clock.advance(timedelta(seconds=29))
    compliance.patches("prod", node, refresh=True)
    assert len(gateway.asked) == before
    clock.advance(timedelta(seconds=1))
    compliance.patches("prod", node, refresh=True)
    assert len(gateway.asked) == before + 1


def test_whoever_observes_is_told_of_every_reading_and_what_failed_in_it(
    gateway: Gateway, store: Memory, clock: Clock
) -> None:
    told: list[tuple[str, list[str]]] = []
    compliance = Compliance(
        {"prod": PROD},
        gateway,
        store,
        clock=clock,
        time_to_live=TTL,
        observe=lambda name, errors: told.append((name, [type(each).__name__ for each in errors])),
    )
    assert compliance.read_at("prod") is None
    compliance.read("prod")
    compliance.read("prod")
    gateway.errors = {"us-east-1": DENIED}
    clock.advance(timedelta(hours=1))
    compliance.read("prod")
    assert told == [("prod", []), ("prod", ["AccessDenied"])]
    assert compliance.read_at("prod") == START + timedelta(hours=1)


def test_a_reading_from_the_future_is_not_trusted(
    compliance: Compliance, gateway: Gateway, clock: Clock
) -> None:
    """A clock that was set back must not keep an old reading alive."""
    compliance.read("prod")
    clock.advance(-timedelta(hours=1))
    assert compliance.read("prod").source == "aws"


def test_environments_are_read_apart(compliance: Compliance, gateway: Gateway) -> None:
    compliance.read("dev")
    assert gateway.asked == ["dev/eu-central-1"]
    with pytest.raises(NotFound, match=r"“qa”.*Environments: prod, dev"):
        compliance.read("qa")


def in_threads(
    count: int, work: Callable[[], Reading]
) -> tuple[list[threading.Thread], list[object]]:
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except PatchbotError as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, results


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def until_waiting(compliance: Compliance, count: int) -> None:
    """Poll until `count` threads wait for the reading that is under way."""
    deadline = threading.Event()
    for _ in range(3_000):
        flights = list(compliance._under_way.values())
        if flights and len(flights[0]._condition._waiters) >= count:  # type: ignore[attr-defined]
            return
        deadline.wait(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("refresh", [False, True])
def test_many_who_ask_at_once_cause_one_reading(
    compliance: Compliance, gateway: Gateway, refresh: bool
) -> None:
    gateway.gate = threading.Event()
    threads, results = in_threads(20, lambda: compliance.read("prod", refresh=refresh))
    until_waiting(compliance, 19)
    gateway.gate.set()
    join(threads)
    assert sorted(gateway.asked) == ["prod/eu-central-1", "prod/us-east-1"]
    assert len(results) == 20
    assert all(result == results[0] for result in results)


def test_an_error_is_shared_and_forgotten(
    compliance: Compliance, gateway: Gateway, clock: Clock
) -> None:
    """Everybody who waited hears of the failure; the next one who asks is not held to it."""
    gateway.errors = dict.fromkeys(("eu-central-1", "us-east-1"), NO_ROUTE)
    gateway.gate = threading.Event()
    threads, results = in_threads(8, lambda: compliance.read("prod"))
    until_waiting(compliance, 7)
    gateway.gate.set()
    join(threads)
    assert len(results) == 8
    assert all(isinstance(result, Unreachable) for result in results)
    assert len(gateway.asked) == 2
    gateway.errors.clear()
    assert compliance.read("prod").source == "aws"


def test_an_unexpected_error_leaves_nobody_waiting(
    compliance: Compliance, gateway: Gateway
) -> None:
    gateway.errors = {"eu-central-1": RuntimeError("a fault of ours")}
    with pytest.raises(RuntimeError):
        compliance.read("prod")
    gateway.errors.clear()
    assert compliance.read("prod").source == "aws"


def test_a_slow_store_holds_up_one_environment_only(
    compliance: Compliance, gateway: Gateway, store: Memory
) -> None:
    """While prod is loaded from disk, dev is answered."""
    loading, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        if not loading.is_set():
            loading.set()
            assert go_on.wait(30)

    store.on_load = slowly
    threads, results = in_threads(1, lambda: compliance.read("prod"))
    assert loading.wait(30)
    assert compliance.read("dev").source == "aws"
    go_on.set()
    join(threads)
    assert isinstance(results[0], Reading)


def test_the_last_reading_is_loaded_from_disk_once(
    compliance: Compliance, gateway: Gateway, store: Memory, clock: Clock
) -> None:
    """The listening threads look every few seconds, and a large fleet takes a moment to load."""
    before = compliance.read("prod")
    second = restarted(gateway, store, clock)
    loads: list[int] = []
    store.on_load = lambda: loads.append(1)
    for _ in range(3):
        found = second.last("prod")
        assert found is not None
        assert (found.targets, found.source) == (before.targets, "cache")
    assert second.known("prod") is not None
    assert len(loads) == 1


def test_refresh_is_not_answered_by_a_flight_that_only_loads(
    compliance: Compliance, gateway: Gateway, store: Memory, clock: Clock
) -> None:
    """Whoever asks for a fresh reading while another only loads the old one gets a fresh one."""
    compliance.read("prod")
    second = restarted(gateway, store, clock)
    loading, go_on = threading.Event(), threading.Event()

    def slowly() -> None:
        loading.set()
        assert go_on.wait(30)

    store.on_load = slowly
    plain, plain_results = in_threads(1, lambda: second.read("prod"))
    assert loading.wait(30)
    fresh, fresh_results = in_threads(1, lambda: second.read("prod", refresh=True))
    until_waiting(second, 1)
    go_on.set()
    join([*plain, *fresh])
    assert isinstance(plain_results[0], Reading)
    assert isinstance(fresh_results[0], Reading)
    assert plain_results[0].source == "cache"
    assert fresh_results[0].source == "aws"


def test_a_denied_region_is_a_gap_and_its_nodes_are_unknown_by_the_last_reading(
    compliance: Compliance, gateway: Gateway, clock: Clock
) -> None:
    """They were compliant or not an hour ago; nobody may say so now. The gap tells how old that is."""
    compliance.read("prod")
    clock.advance(timedelta(hours=1))
    gateway.errors = {"us-east-1": DENIED}
    for _ in range(2):  # a second failure must not make the old reading look newer
        reading = compliance.read("prod", refresh=True)
        clock.advance(timedelta(hours=1))
    assert reading.gaps == (
        Gap(ACCOUNT, "us-east-1", DENIED.message, nodes=2, last_read_at=START, hint="Grant it."),
    )
    verdicts = {
        (one.seen.node.region, one.seen.node.instance_id): one.verdict
        for one in judge_all(reading, clock(), PROD.stale_after)
    }
    assert {key[0] for key, verdict in verdicts.items() if verdict.status is Status.UNKNOWN} == {
        "us-east-1"
    }
    assert len(verdicts) == 4
    assert verdicts["us-east-1", "i-0"].reasons == (Reason.UNREADABLE,)


def test_a_region_never_read_is_a_gap_without_nodes(
    compliance: Compliance, gateway: Gateway
) -> None:
    gateway.errors = {"us-east-1": DENIED}
    reading = compliance.read("prod")
    assert [(gap.region, gap.nodes, gap.last_read_at) for gap in reading.gaps] == [
        ("us-east-1", 0, None)
    ]
    assert len(reading.observations) == 2


def test_a_gap_names_the_account_as_far_as_it_is_known(
    compliance: Compliance, gateway: Gateway
) -> None:
    """Of the credentials' own account only AWS knows the id."""
    gateway.errors["us-east-1"] = AccessDenied("ssm may not be asked.", account=ACCOUNT)
    (gap,) = compliance.read("prod").gaps
    assert gap.account == ACCOUNT


def test_a_reading_that_patchbot_itself_ended_is_no_news(
    compliance: Compliance, gateway: Gateway, store: Memory
) -> None:
    """The last one stays what it is: nothing became unreadable."""
    before = compliance.read("prod")
    gateway.errors["us-east-1"] = Stopping("patchbot is stopping.")
    with pytest.raises(Stopping):
        compliance.read("prod", refresh=True)
    assert compliance.read("prod").targets == before.targets
    kept = store.load(PROD)
    assert kept is not None
    assert kept.gaps == ()


def test_the_age_of_a_gap_survives_a_restart(
    compliance: Compliance, gateway: Gateway, store: Memory, clock: Clock
) -> None:
    compliance.read("prod")
    clock.advance(timedelta(hours=1))
    gateway.errors = {"us-east-1": DENIED}
    (gap,) = restarted(gateway, store, clock).read("prod").gaps
    assert (gap.nodes, gap.last_read_at) == (2, START)


def test_aws_out_of_reach_is_an_error_only_while_nothing_is_known(
    compliance: Compliance, gateway: Gateway, clock: Clock
) -> None:
    gateway.errors = dict.fromkeys(("eu-central-1", "us-east-1"), NO_ROUTE)
    with pytest.raises(Unreachable) as caught:
        compliance.read("prod")
    assert caught.value.exit_code == 4
    gateway.errors.clear()
    compliance.read("prod")
    gateway.errors = dict.fromkeys(("eu-central-1", "us-east-1"), NO_ROUTE)
    reading = compliance.read("prod", refresh=True)
    assert [gap.nodes for gap in reading.gaps] == [2, 2]
    assert all(gap.passing for gap in reading.gaps)


@pytest.mark.parametrize("other", [DENIED, AwsError("AWS answered 500.")])
def test_a_refusal_is_an_answer_of_aws(
    compliance: Compliance, gateway: Gateway, other: AwsError
) -> None:
    """Where AWS said no in one Region and was silent in the other, both are named."""
    gateway.errors = {"eu-central-1": other, "us-east-1": NO_ROUTE}
    assert len(compliance.read("prod").gaps) == 2


def test_a_lost_connection_is_tried_again_soon_and_a_refusal_is_not(
    compliance: Compliance, gateway: Gateway, clock: Clock
) -> None:
    for error, calls in ((NO_ROUTE, 4), (Throttled("Rate exceeded"), 4), (DENIED, 2)):
        gateway.asked.clear()
        gateway.errors = {"us-east-1": error}
        compliance.read("prod", refresh=True)
        clock.advance(RETRY_PASSING)
        compliance.read("prod")
        assert len(gateway.asked) == calls


def test_a_store_that_fails_costs_no_answer(
    compliance: Compliance, store: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    store.broken = True
    reading, judged = compliance.judged("prod")
    assert reading.source == "aws"
    assert compliance.read("prod").source == "cache"
    assert compliance.patches("prod", broken(judged)).patches == (PATCH,)
    assert "The disk is full" in caplog.text


def broken(judged: tuple[Judged, ...], region: str = "eu-central-1") -> Judged:
    """The non-compliant node of that Region."""
    return next(
        one
        for one in judged
        if one.verdict.status is Status.NON_COMPLIANT and one.seen.node.region == region
    )


def test_what_was_read_before_a_run_ended_answers_nobody_after_it(
    compliance: Compliance, clock: Clock
) -> None:
    """Neither the cache, nor the one that was read a moment ago, however fresh they are."""
    compliance.read("prod")
    clock.advance(timedelta(seconds=1))
    compliance.expire("prod")
    clock.advance(timedelta(seconds=1))
    again = compliance.read("prod")
    assert (again.source, again.as_of) == ("aws", clock())
    clock.advance(timedelta(seconds=1))
    assert compliance.read("prod").source == "cache"


def test_patches_are_asked_for_once_per_operation(
    compliance: Compliance, gateway: Gateway, clock: Clock
) -> None:
    """What was read for the same scan is kept; a refresh, or a later scan, asks again."""
    _, judged = compliance.judged("prod")
    one = broken(judged)
    gateway.asked.clear()
    first = compliance.patches("prod", one)
    clock.advance(timedelta(days=1))
    assert compliance.patches("prod", one) == first
    assert first.read_at == START
    assert gateway.asked == ["patches of i-1 in eu-central-1"]
    assert compliance.patches("prod", one, refresh=True).read_at == clock()
    assert one.seen.state is not None
    scanned = replace(one.seen.state, operation_end_time=clock())
    later = replace(one, seen=replace(one.seen, state=scanned))
    assert compliance.patches("prod", later).read_at == clock()
    assert len(gateway.asked) == 3


def test_a_list_of_a_later_operation_is_not_kept_as_that_of_an_earlier_one(
    compliance: Compliance, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scan found one missing; after an Install nothing is listed as such."""
    _, judged = compliance.judged("prod")
    with monkeypatch.context() as installed:
        installed.setattr(gateway, "patches", lambda _key, _target: ())
        assert compliance.patches("prod", broken(judged)).patches == ()
    assert compliance.patches("prod", broken(judged)).patches == (PATCH,)


def test_patches_of_an_operation_without_a_valid_time_are_asked_for_again(
    compliance: Compliance, gateway: Gateway, clock: Clock
) -> None:
    """The next one has none either: what was listed once would be shown for ever."""
    _, judged = compliance.judged("prod")
    one = broken(judged)
    assert one.seen.state is not None
    dateless = replace(one.seen.state, operation_end_time=None)
    undated = replace(one, seen=replace(one.seen, state=dateless))
    gateway.asked.clear()
    compliance.patches("prod", undated)
    clock.advance(timedelta(days=1))
    assert compliance.patches("prod", undated).read_at == clock()
    assert len(gateway.asked) == 2


def test_patches_that_aws_refuses_are_a_gap(compliance: Compliance, gateway: Gateway) -> None:
    _, judged = compliance.judged("prod")
    gateway.errors = {"us-east-1": DENIED}
    details = compliance.patches("prod", broken(judged, "us-east-1"))
    assert details.patches == ()
    assert details.gap == Gap(ACCOUNT, "us-east-1", DENIED.message, hint="Grant it.")


def test_a_node_never_scanned_has_no_patches_and_no_baseline(
    compliance: Compliance, gateway: Gateway
) -> None:
    _, judged = compliance.judged("prod")
    never = replace(judged[0], seen=replace(judged[0].seen, state=None))
    gateway.asked.clear()
    assert compliance.patches("prod", never).patches == ()
    assert compliance.baseline("prod", never) is None
    assert gateway.asked == []


def test_a_baseline_that_cannot_be_read_is_known_by_its_id(
    compliance: Compliance, gateway: Gateway
) -> None:
    _, judged = compliance.judged("prod")
    one = broken(judged, "us-east-1")
    assert compliance.baseline("prod", one) == Baseline("pb-1", name="found in us-east-1")
    gateway.errors = {"us-east-1": DENIED}
    assert compliance.baseline("prod", one) == Baseline("pb-1")


def test_progress_is_told_to_whoever_caused_the_reading(compliance: Compliance) -> None:
    told: list[tuple[str, int, int]] = []
    compliance.read("prod", progress=lambda *step: told.append(step))
    assert sorted(told) == [("eu-central-1", 2, 2), ("us-east-1", 2, 2)]
