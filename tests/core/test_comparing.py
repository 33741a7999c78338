"""Why nodes got worse and by what they got better: one written scenario for each reason, and the sums add up."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.core.causes import Between, Cause, Remedy, RunOnNodes, View
from bot.core.comparing import Change, compare, grouped, moves
from bot.core.history import Exposure, NodeState
from bot.core.judgement import Reason, Status
from bot.core.nodes import NodeKey, Patch

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)
ACCOUNT, FRANKFURT, VIRGINIA = "111122223333", "eu-central-1", "us-east-1"


def at(hour: int) -> datetime:
    """So many hours after the digest of before, which was composed at hour 0."""
    return BEFORE + timedelta(hours=hour)


def key(number: int, region: str = FRANKFURT) -> NodeKey:
    return NodeKey(ACCOUNT, region, f"i-0{number:016x}")


def node(number: int, status: Status = Status.COMPLIANT, **more: object) -> NodeState:
    """A node that a nightly scan judged, seven hours before the digest of before."""
    given_: dict[str, object] = {
        "key": key(number, str(more.pop("region", FRANKFURT))),
        "name": f"web-{number}",
        "owner": "web",
        "platform": "Amazon Linux 2023",
        "patch_group": "linux",
        "status": status,
        "reasons": (),
        "baseline_id": "pb-1",
        "operation": "Scan",
        "operation_end_time": at(-7),
        **more,
    }
    return NodeState(**given_)  # type: ignore[arg-type]


def scanned(was: NodeState, hour: int = 17, **more: object) -> NodeState:
    """The node by a later result; non-compliant where something is open on it."""
    now = replace(was, operation="Scan", operation_end_time=at(hour))
    now = replace(now, **more)  # type: ignore[arg-type]
    counters = (
        (now.missing, Reason.MISSING),
        (now.failed, Reason.FAILED),
        (now.installed_rejected, Reason.INSTALLED_REJECTED),
        (now.installed_pending_reboot, Reason.INSTALLED_PENDING_REBOOT),
    )
    reasons = tuple(reason for number, reason in counters if number)
    status = Status.NON_COMPLIANT if reasons else Status.COMPLIANT
    return replace(now, status=status, reasons=reasons)


def broken(number: int, **more: object) -> NodeState:
    """A node that missed patches before."""
    return scanned(node(number), -7, **{"missing": 3, **more})


def unknown(was: NodeState, reason: Reason) -> NodeState:
    return replace(was, status=Status.UNKNOWN, reasons=(reason,))


def patch(name: str, state: str = "Missing") -> Patch:
    return Patch(f"{name}:1.0", name, "Security", "Critical", state)


def opened(number: int, name: str = "KB1", hour: int = 17) -> Exposure:
    return Exposure(key(number), patch(name), at(hour), at(hour))


def closed(number: int, hour: int, by: str = "", name: str = "KB1") -> Exposure:
    return replace(opened(number, name, -200), closed_at=at(hour), closed_by=by)


def run(
    name: str, hour: int, *numbers: int, failed: tuple[int, ...] = (), installs: bool = True
) -> RunOnNodes:
    """A run of an hour that ended then."""
    nodes = frozenset(key(one) for one in (*numbers, *failed))
    return RunOnNodes(
        name, at(hour - 1), at(hour), installs, nodes, frozenset(key(one) for one in failed)
    )


def view(*nodes: NodeState, complete: bool = True) -> View:
    return View(BEFORE, complete, nodes)


def changes(
    was: NodeState | View | None,
    now: NodeState | View | None,
    *exposures: Exposure,
    runs: tuple[RunOnNodes, ...] = (),
    waivers: frozenset[NodeKey] = frozenset(),
) -> tuple[Change, ...]:
    before, after = (
        one if isinstance(one, View) else view(*([one] if one is not None else []))
        for one in (was, now)
    )
    return compare(before, replace(after, at=NOW), Between(exposures, runs, waivers))


def why(*given_: object, **more: object) -> tuple[str, str]:
    """The reason of the only change, and what it is about."""
    (change,) = changes(*given_, **more)  # type: ignore[arg-type]
    return change.why.value, change.about


# --- worse


def test_a_new_release() -> None:
    """The only thing new is a patch that was first seen since."""
    was = node(1)
    (change,) = changes(was, scanned(was, missing=1), opened(1))
    assert (change.why, change.patches) == (Cause.NEW_RELEASE, ("KB1",))
    assert (change.non_compliant, change.unknown) == (1, 0)


def test_a_new_release_is_not_blamed_on_the_run() -> None:
    """The run of the morning succeeded; what is missing came out after it."""
    was = node(1)
    good = run("X-12", 3, 1)
    assert why(was, scanned(was, missing=1), opened(1), runs=(good,)) == ("new_release", "")


def test_a_new_release_is_not_blamed_on_a_failed_run_before_it() -> None:
    """A run had failed on the node and somebody had mended it, before the patch came out."""
    was = node(1)
    bad = run("X-12", 3, failed=(1,))
    assert why(was, scanned(was, missing=1), opened(1, hour=17), runs=(bad,)) == (
        "new_release",
        "",
    )


def test_a_release_that_could_not_be_installed_is_a_failed_install() -> None:
    """It came out, and a run tried to install it and did not succeed."""
    was = node(1)
    bad = run("X-12", 19, failed=(1,))
    now = scanned(was, 19, missing=1)
    assert why(was, now, opened(1, hour=17), runs=(bad,)) == ("failed_install", "X-12")
    assert why(was, scanned(was, 19, failed=1), opened(1), runs=(bad,)) == (
        "failed_install",
        "X-12",
    )


def test_a_failed_install_on_a_node_that_was_not_compliant_is_told_and_adds_nothing() -> None:
    was = broken(1)
    (change,) = changes(was, scanned(was, 19), runs=(run("X-12", 19, failed=(1,)),))
    assert (change.why, change.about) == (Cause.FAILED_INSTALL, "X-12")
    assert (change.non_compliant, change.unknown) == (0, 0)


def test_a_failed_install_of_somebody_else_is_not_blamed_on_the_run() -> None:
    """Ours succeeded; hours later another Install ended, and counts a failed patch."""
    was = node(1)
    good = run("X-12", 3, 1)
    now = scanned(was, 15, operation="Install", failed=1)
    assert why(was, now, opened(1, hour=15), runs=(good,)) == ("failed_install", "")


def test_a_run_that_succeeded_is_not_blamed_for_what_failed_there() -> None:
    """Somebody else's Install failed; that a scan came after it hides whose it was. A run that failed is named."""
    was = node(1)
    now = scanned(was, 17, failed=1)
    assert why(was, now, opened(1, hour=15), runs=(run("X-12", 3, 1),)) == ("failed_install", "")
    bad = run("X-12", 16, failed=(1,))
    assert why(was, now, runs=(bad,)) == ("failed_install", "X-12"), "its patches are not read yet"


def test_a_failed_run_is_not_told_again_after_somebody_elses_install() -> None:
    """What the node is like now is the result of that."""
    was = broken(1)
    bad = run("X-12", 3, failed=(1,))
    assert changes(was, scanned(was, 15, operation="Install"), runs=(bad,)) == ()


def test_a_failed_run_is_forgiven_by_a_good_one_after_it() -> None:
    """The retry succeeded; that the node misses a patch again is a new release."""
    was = broken(1)
    runs = (run("X-12", 3, failed=(1,)), run("X-13", 6, 1))
    assert changes(was, scanned(was, 17), runs=runs) == ()
    assert why(was, scanned(was, 17, missing=4), opened(1), runs=runs) == ("new_release", "")


def test_a_new_node() -> None:
    """Launched since, and not compliant by its first scan; or never scanned."""
    born = scanned(node(2), 12, missing=5)
    assert why(None, born, opened(2, hour=12)) == ("new_node", "")
    dark = replace(unknown(node(3), Reason.NEVER_SCANNED), operation_end_time=None)
    (change,) = changes(None, dark)
    assert (change.why, change.unknown) == (Cause.NEW_NODE, 1)


def test_a_node_that_runs_again_is_not_new() -> None:
    """It was stopped, which is told where the snapshot has it, and else by a result older than the snapshot."""
    stopped = broken(1, status=Status.STOPPED)
    assert why(replace(stopped, status=Status.STOPPED), broken(1)) == ("started", "")
    assert why(None, broken(1)) == ("started", "")
    again = scanned(node(1), 17, missing=3)
    assert why(None, again, opened(1, hour=-300)) == ("started", "")


def test_a_new_compliant_node_is_no_news() -> None:
    assert changes(None, scanned(node(2), 12)) == ()
    assert moves((), (node(2),)).joined == 1


def test_a_lost_scan() -> None:
    """The result has become too old, or has vanished; whatever it said."""
    for was in (node(1), broken(1)):
        for reason in (Reason.STALE, Reason.NEVER_SCANNED):
            (change,) = changes(was, unknown(was, reason))
            assert change.why is Cause.SCAN_LOST
            assert change.unknown == 1
            assert change.non_compliant == -(was.status is Status.NON_COMPLIANT)


def test_an_account_or_region_that_cannot_be_read_is_no_lost_scan() -> None:
    was = node(1)
    assert why(was, unknown(was, Reason.UNREADABLE)) == (
        "not_readable",
        f"{ACCOUNT}/{FRANKFURT}",
    )


def test_nodes_that_vanish_with_their_region_are_not_gone() -> None:
    """The Region cannot be read and nothing is remembered of it: nobody says that they are terminated."""
    there = replace(broken(1), key=key(1, VIRGINIA))
    stopped = node(4, Status.STOPPED, region=VIRGINIA)
    before = view(there, node(2, region=VIRGINIA), node(3), stopped)
    found = changes(before, view(node(3), complete=False))
    assert {one.why for one in found} == {Cause.NOT_READABLE}
    assert [one.non_compliant for one in found] == [-1, 0]
    assert {one.about for one in found} == {f"{ACCOUNT}/{VIRGINIA}"}


def test_nodes_of_a_region_that_is_read_for_the_first_time_are_not_new() -> None:
    before = view(node(3), complete=False)
    found = changes(before, view(node(3), scanned(node(1, region=VIRGINIA), 17, missing=2)))
    assert [(one.why, one.about) for one in found] == [(Cause.NEWLY_READ, f"{ACCOUNT}/{VIRGINIA}")]
    was = unknown(broken(1), Reason.UNREADABLE)
    assert why(was, broken(1)) == ("newly_read", f"{ACCOUNT}/{FRANKFURT}")


def test_a_first_result() -> None:
    """Better known and no better: it moves from unknown to non-compliant."""
    was = unknown(node(1), Reason.STALE)
    (change,) = changes(was, scanned(was, 17, missing=2), opened(1))
    assert (change.why, change.non_compliant, change.unknown) == (Cause.FIRST_RESULT, 1, -1)


def test_another_baseline() -> None:
    """It asks for patches that other nodes have long been missing: they are not released, they are asked for."""
    was, other = node(1), broken(2)
    now = scanned(was, missing=2, baseline_id="pb-2", patch_group="strict")
    known = opened(2, hour=-300)
    before, after = view(was, other), view(now, other)
    found = changes(before, after, opened(1), known)
    assert [(one.why, one.about, one.patches) for one in found] == [
        (Cause.BASELINE_CHANGED, "pb-2", ("KB1",))
    ]
    assert why(was, now, opened(1, "KB7")) == ("baseline_changed", "pb-2")
    assert why(was, now) == ("baseline_changed", "pb-2")


def test_a_release_on_a_node_whose_baseline_changed_is_a_release() -> None:
    """The same patch appeared where the baseline stayed the same."""
    was, other = node(1), node(2)
    before = view(was, other)
    after = view(scanned(was, missing=1, baseline_id="pb-2"), scanned(other, missing=1))
    found = changes(before, after, opened(1), opened(2))
    assert [one.why for one in found] == [Cause.NEW_RELEASE, Cause.NEW_RELEASE]


def test_a_patch_that_the_baseline_now_rejects() -> None:
    was = node(1)
    assert why(was, scanned(was, installed_rejected=1), opened(1)) == ("baseline_changed", "pb-1")


def test_another_patch_group_is_a_reason_only_where_nothing_was_released() -> None:
    was = node(1)
    now = scanned(was, missing=2, patch_group="strict")
    assert why(was, now) == ("baseline_changed", "pb-1")
    assert why(was, now, opened(1)) == ("new_release", "")


def test_a_waiver_that_ended() -> None:
    """Nothing new is open on the node; what was waived counts again."""
    was = node(1)
    known = opened(1, hour=-300)
    ended = frozenset({key(1)})
    assert why(was, scanned(was, missing=1), known, waivers=ended) == ("waiver_ended", "")
    assert why(broken(1), scanned(broken(1)), known, waivers=ended) == ("waiver_ended", "")
    assert why(was, scanned(was, missing=1), opened(1), waivers=ended) == ("new_release", "")


def test_an_install_without_a_reboot() -> None:
    """Of ours, and of somebody else."""
    was = node(1)
    now = scanned(was, 19, operation="Install", installed_pending_reboot=2)
    pending = replace(opened(1, hour=19), patch=patch("KB1", "InstalledPendingReboot"))
    assert why(was, now, pending, runs=(run("X-12", 20, 1),)) == ("pending_reboot", "X-12")
    assert why(was, now, pending, runs=(run("X-11", 3, 1),)) == ("pending_reboot", "")
    assert why(was, now, pending) == ("pending_reboot", "")


def test_a_new_release_on_a_node_that_waits_for_a_reboot() -> None:
    """The missing patch is the worse of the two."""
    was = node(1)
    now = scanned(was, missing=1, installed_pending_reboot=2)
    assert why(was, now, opened(1), runs=(run("X-12", 5, 1),)) == ("new_release", "")


def test_another_patch_instead_of_a_fixed_one_is_told() -> None:
    """As many are missing as before, but one of them is new; the same where the old ones wait for a reboot."""
    was = broken(1)
    (change,) = changes(was, scanned(was), opened(1, "KB9"), closed(1, 17))
    assert (change.why, change.patches) == (Cause.NEW_RELEASE, ("KB9",))
    assert (change.non_compliant, change.unknown) == (0, 0)
    now = scanned(was, missing=1, installed_pending_reboot=2)
    assert why(was, now, opened(1, "KB9")) == ("new_release", "")
    assert why(was, scanned(was), closed(1, 17, "X-12")) == ("run", "X-12")


def test_progress_that_waits_for_a_reboot_is_nothing_worse() -> None:
    """Three missing became three that wait: the node counts as before, and that is told elsewhere."""
    was = broken(1)
    assert changes(was, scanned(was, 19, missing=0, installed_pending_reboot=3)) == ()


def test_known_patches_that_are_missing_again() -> None:
    """An Install lists nothing as missing, so the node counted as compliant until the next scan."""
    was = node(1, operation="Install")
    assert why(was, scanned(was, missing=2), opened(1, hour=-300)) == ("came_back", "")


def test_what_is_not_explained_is_said_to_be_not_known() -> None:
    """The patches of the node are not read yet."""
    was = node(1)
    assert why(was, scanned(was, missing=2)) == ("not_known", "")
    assert why(broken(1), scanned(broken(1), missing=9)) == ("not_known", "")


def test_unapproved_security_updates() -> None:
    """They are no missing patches, and still new ones."""
    was = node(1)
    now = replace(
        scanned(was),
        status=Status.NON_COMPLIANT,
        reasons=(Reason.AVAILABLE_SECURITY_UPDATE,),
    )
    assert why(was, now) == ("new_release", "")


# --- better


def test_what_the_scan_of_a_run_closed_is_the_runs() -> None:
    was = broken(1)
    by = (closed(1, 4, "X-12"), closed(1, 4, "X-12", "KB2"), closed(1, 9, "", "KB3"))
    (change,) = changes(was, scanned(was, missing=0), *by, runs=(run("X-12", 5, 1),))
    assert (change.why, change.about) == (Remedy.RUN, "X-12")
    assert change.patches == ("KB1", "KB2", "KB3")
    assert change.non_compliant == -1


def test_a_later_scan_shows_what_the_run_did() -> None:
    """Its own scan did not reach the node; the nightly one found it clean, and nobody else installed anything."""
    was = broken(1)
    good = run("X-12", 5, 1)
    assert why(was, scanned(was, 17, missing=0), closed(1, 17), runs=(good,)) == ("run", "X-12")
    assert why(was, scanned(was, 17, missing=0), runs=(good,)) == ("run", "X-12")


def test_a_run_is_not_credited_with_what_others_did() -> None:
    """It failed on the node; or came later; or only scanned; or somebody else's Install ended after it."""
    was, now = broken(1), scanned(broken(1), 17, missing=0)
    assert why(was, now, closed(1, 17), runs=(run("X-12", 5, failed=(1,)),)) == ("scan", "")
    assert why(was, now, closed(1, 2), runs=(run("X-12", 5, 1),)) == ("scan", "")
    assert why(was, now, closed(1, 17), runs=(run("X-12", 22, 1),)) == ("scan", "")
    assert why(was, now, runs=(run("X-12", 22, 1),)) == ("scan", "")
    assert why(was, now, closed(1, 17), runs=(run("X-12", 5, 1, installs=False),)) == ("scan", "")
    theirs = scanned(was, 17, missing=0, operation="Install")
    assert why(was, theirs, runs=(run("X-12", 5, 1),)) == ("install", "")


def test_somebody_elses_install() -> None:
    was = broken(1)
    assert why(was, scanned(was, 17, missing=0, operation="Install")) == ("install", "")


def test_what_our_own_install_did_before_it_failed_is_its_work() -> None:
    """Some patches went in, one did not: nobody else is to be looked for. Hours later it is somebody else's."""
    was = broken(1)
    now = scanned(was, 17, missing=0, operation="Install")
    assert why(was, now, runs=(run("X-12", 17, failed=(1,)),)) == ("run", "X-12")
    assert why(was, now, runs=(run("X-12", 9, failed=(1,)),)) == ("install", "")


def test_another_baseline_that_asks_for_less_is_no_fix() -> None:
    was = broken(1)
    assert why(was, scanned(was, missing=0, baseline_id="pb-2"), closed(1, 17)) == (
        "baseline",
        "pb-2",
    )


def test_a_node_that_has_data_again() -> None:
    """By a scan of ours, by somebody's, or because its account can be read again."""
    was = unknown(node(1), Reason.STALE)
    now = scanned(was, 17)
    assert why(was, now) == ("scan", "")
    assert why(was, now, runs=(run("X-13", 18, 1, installs=False),)) == ("run", "X-13")
    (change,) = changes(unknown(node(1), Reason.UNREADABLE), node(1))
    assert (change.why, change.unknown) == (Remedy.READABLE, -1)


def test_stopped_and_gone_nodes_are_not_fixed() -> None:
    was = broken(1)
    assert why(was, replace(was, status=Status.STOPPED)) == ("stopped", "")
    assert why(was, None) == ("gone", "")
    assert changes(node(1), None) == ()
    assert moves((node(1), node(2)), (node(2), replace(node(3), status=Status.STOPPED))).left == 1


def test_less_open_on_a_node_that_stays_non_compliant() -> None:
    """It got better and adds nothing to the counts."""
    was = broken(1)
    (change,) = changes(was, scanned(was, missing=1), closed(1, 4, "X-12"))
    assert (change.why, change.about) == (Remedy.RUN, "X-12")
    assert (change.non_compliant, change.unknown) == (0, 0)


def test_a_rename_or_another_owner_is_no_change() -> None:
    for was in (node(1), broken(1)):
        assert changes(was, replace(scanned(was), name="web-1.example", owner="db")) == ()


# --- groups


def test_the_biggest_group_comes_first_and_its_worst_node_first() -> None:
    """Runs are told apart; the patches are counted by nodes."""
    was = [broken(number) for number in range(1, 7)]
    now = [
        *(scanned(one, missing=0) for one in was[:3]),
        scanned(was[3], missing=0),
        scanned(was[4], missing=5),
        scanned(was[5], missing=9, critical_non_compliant=1),
    ]
    found = changes(
        view(*was),
        view(*now),
        *(closed(number, 4, "X-12") for number in (1, 2, 3)),
        closed(4, 4, "X-13"),
        *(opened(number, name) for number in (5, 6) for name in ("KB7", "KB8")),
        opened(6, "KB9"),
    )
    groups = grouped(found)
    assert [(one.why.value, one.about, len(one.changes)) for one in groups] == [
        ("run", "X-12", 3),
        ("new_release", "", 2),
        ("run", "X-13", 1),
    ]
    assert [one.node.name for one in groups[1].changes] == ["web-6", "web-5"]
    assert groups[1].patches == (("KB7", 2), ("KB8", 2), ("KB9", 1))
    assert [one.non_compliant for one in groups] == [-3, 0, -1]


# --- the sums

counters = st.sampled_from((0, 0, 1, 3))
numbers = st.integers(1, 12)


@st.composite
def states(draw: st.DrawFn, number: int) -> NodeState:
    """One node in any state, with any result."""
    found = node(
        number,
        draw(st.sampled_from((Status.COMPLIANT, Status.UNKNOWN, Status.STOPPED))),
        region=draw(st.sampled_from((FRANKFURT, VIRGINIA))) if number % 4 == 0 else FRANKFURT,
        baseline_id=draw(st.sampled_from(("pb-1", "pb-2"))),
        operation=draw(st.sampled_from(("Scan", "Install"))),
        operation_end_time=draw(st.sampled_from((None, at(-7), at(3), at(17)))),
    )
    if found.status is Status.UNKNOWN:
        reason = draw(st.sampled_from((Reason.STALE, Reason.NEVER_SCANNED, Reason.UNREADABLE)))
        return replace(found, reasons=(reason,))
    if found.status is Status.STOPPED or draw(st.booleans()):
        return found
    return replace(
        found,
        status=Status.NON_COMPLIANT,
        reasons=(Reason.MISSING,),
        missing=draw(counters),
        failed=draw(counters),
        installed_pending_reboot=draw(counters),
        installed_rejected=draw(counters),
    )


@st.composite
def views(draw: st.DrawFn) -> View:
    chosen = sorted(draw(st.sets(numbers)))
    return View(BEFORE, draw(st.booleans()), tuple(draw(states(number)) for number in chosen))


exposures = st.builds(
    lambda number, name, first, end, by: replace(
        opened(number, name, first),
        closed_at=None if end is None else at(end),
        closed_by="" if end is None else by,
    ),
    numbers,
    st.sampled_from(("KB1", "KB2")),
    st.sampled_from((-300, 2, 17)),
    st.sampled_from((None, 4, 17)),
    st.sampled_from(("", "X-1")),
)
runs = st.builds(
    lambda hour, done, bad, installs: run("X-1", hour, *done, failed=tuple(bad), installs=installs),
    st.sampled_from((2, 5, 20)),
    st.sets(numbers),
    st.sets(numbers),
    st.booleans(),
)


@given(
    views(),
    views(),
    st.lists(exposures, max_size=12),
    st.lists(runs, max_size=2),
    st.sets(numbers),
)
def test_the_reasons_add_up(
    before: View, after: View, seen: list[Exposure], ended: list[RunOnNodes], waived: set[int]
) -> None:
    """Over all groups, worse and better together are exactly what the counts differ by; each node is told once."""
    after = replace(after, at=NOW)
    between = Between(seen, ended, frozenset(key(one) for one in waived))
    found = compare(before, after, between)
    assert len({one.node.key for one in found}) == len(found)
    was, now = (Counter(one.status for one in some.nodes) for some in (before, after))
    groups = [*grouped(one for one in found if one.is_worse)]
    groups += grouped(one for one in found if not one.is_worse)
    assert sum(len(one.changes) for one in groups) == len(found)
    for status, name in (
        (Status.NON_COMPLIANT, "non_compliant"),
        (Status.UNKNOWN, "unknown"),
    ):
        assert sum(getattr(one, name) for one in groups) == now[status] - was[status]
    moved = moves(before.nodes, after.nodes)
    total = [sum(some.values()) - some[Status.STOPPED] for some in (was, now)]
    assert moved.joined - moved.left == total[1] - total[0]
    worse = {Status.NON_COMPLIANT, Status.UNKNOWN}
    then = {one.key: one.status for one in before.nodes}
    for one in after.nodes:  # nobody falls silently
        if one.status in worse and then.get(one.key) not in worse:
            (change,) = (each for each in found if each.node.key == one.key)
            assert change.is_worse


def test_an_unchanged_fleet_has_no_changes() -> None:
    nodes = (node(1), broken(2), unknown(node(3), Reason.STALE))
    assert changes(view(*nodes), view(*nodes), opened(2, hour=-300)) == ()
