"""When a hole is the same hole: what first_seen survives, and what starts anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.core.exposures import WAITS, after, identity, series
from bot.core.history import Exposure
from bot.core.nodes import Patch
from tests.core.histories import DAY, NOW, key, package, rollup

OPENSSL, KERNEL = package("openssl"), package("kernel")


def told(
    *reports: Sequence[Patch] | tuple[Sequence[Patch], dict[str, str]],
) -> list[Exposure]:
    """What is known after reports a day apart; closed ones stay in the list as the last one left them."""
    known: list[Exposure] = []
    done: list[Exposure] = []
    for number, report in enumerate(reports):
        patches, more = report if isinstance(report, tuple) else (report, {})
        given = {"baseline_id": "pb-1", **more}
        found = after(key(), known, patches, at=NOW + number * DAY, **given)
        done += [one for one in found if one.was_patched]
        known = [one for one in found if not one.was_patched]
    return [*done, *known]


def test_a_patch_is_open_from_the_first_report_to_the_first_without_it() -> None:
    (one,) = told([OPENSSL], [OPENSSL], [])
    assert (one.first_seen, one.last_seen) == (NOW, NOW + DAY)
    assert one.closed_at == NOW + 2 * DAY
    assert one.was_patched


def test_a_closed_patch_that_opens_again_is_another_hole() -> None:
    old, new = told([OPENSSL], [], [OPENSSL])
    assert not old.is_open
    assert (new.is_open, new.first_seen) == (True, NOW + 2 * DAY)


def test_the_run_that_closed_it_is_named() -> None:
    (one,) = told([OPENSSL], ([], {"run": "X-7"}))
    assert one.closed_by == "X-7"


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (package("kernel", "6.1"), package("kernel", "6.2")),
        (rollup("2026-02", 501), rollup("2026-03", 601)),
        (
            Patch("vim.amd64:2:9.0", "", "Security", "Important", "Missing"),
            Patch("vim.amd64:2:9.1", "", "Security", "Important", "Missing"),
        ),
    ],
)
def test_a_version_that_supersedes_an_open_one_has_its_age(older: Patch, newer: Patch) -> None:
    """On Linux the id is the package's; on Windows each month has another KB number."""
    (one,) = told([older], [newer])
    assert (one.first_seen, one.patch, one.is_open) == (NOW, newer, True)


def test_an_update_of_another_product_does_not_carry_an_old_one_on() -> None:
    other = rollup("2026-03", 601)
    other = Patch(other.title.replace("2022", "2019"), other.kb_id, "", "", "Missing")
    old, new = told([rollup("2026-02", 501)], [other])
    assert not old.is_open
    assert new.first_seen == NOW + DAY


def test_two_months_that_are_listed_side_by_side_are_two_holes() -> None:
    both = [rollup("2026-02", 501), rollup("2026-03", 601)]
    found = told(both[:1], both, both)
    assert [one.first_seen for one in found] == [NOW, NOW + DAY]


def test_two_versions_of_a_package_are_one_hole_of_the_graver_class() -> None:
    older = package("kernel", "6.1", "Critical", state="InstalledPendingReboot")
    (one,) = told([older, package("kernel", "6.2", "Low")])
    assert one.patch == older


def test_the_clock_of_a_class_starts_with_its_first_version() -> None:
    minor = package("openssl", "1", "Low")
    (one,) = told([minor], [package("openssl", "2", "Critical")], [package("openssl", "3", "Low")])
    assert (one.first_seen, one.critical_since, one.important_since) == (NOW, NOW + DAY, None)


def test_the_silence_of_an_install_closes_what_it_lists_and_nothing_else() -> None:
    """AWS lists nothing as missing after an Install, whatever it installed."""
    failed = package("kernel", state="Failed")
    install = {"operation": "Install"}
    by_name = {
        one.patch.kb_id: one for one in told([OPENSSL, failed], ([], install), [OPENSSL, failed])
    }
    assert by_name[OPENSSL.kb_id].first_seen == NOW
    assert by_name[KERNEL.kb_id].first_seen == NOW + 2 * DAY


def test_a_scan_by_another_baseline_does_not_make_an_old_hole_new() -> None:
    """Last scan wins in AWS: another tool's baseline may not ask for the patch, and then ours does again."""
    other = {"baseline_id": "pb-2"}
    (listed,) = told([OPENSSL], ([OPENSSL], other))
    assert (listed.first_seen, listed.first_baseline_id, listed.baseline_id) == (
        NOW,
        "pb-1",
        "pb-2",
    )
    (silent,) = told([OPENSSL], ([], other))
    assert not silent.is_open
    assert not silent.was_patched
    (again,) = told([OPENSSL], ([], other), ([], other), [OPENSSL])
    assert (again.is_open, again.first_seen, again.closing_baseline_id) == (True, NOW, "")


def test_what_the_first_baseline_is_silent_about_too_was_patched() -> None:
    other = {"baseline_id": "pb-2"}
    old, new = told([OPENSSL], ([], other), [], [OPENSSL])
    assert (old.was_patched, old.closed_at) == (True, NOW + DAY)
    assert new.first_seen == NOW + 3 * DAY


def test_the_silence_of_an_install_proves_no_patch_that_another_baseline_was_silent_about() -> None:
    other, install = {"baseline_id": "pb-2"}, {"operation": "Install"}
    (again,) = told([OPENSSL], ([], other), ([], install), [OPENSSL])
    assert (again.is_open, again.first_seen) == (True, NOW)


def closed_by_another(patch: Patch) -> Exposure:
    """Open for a day by the word of one baseline; the one that scans now does not ask for it."""
    opened = after(key(), (), [patch], at=NOW - DAY, baseline_id="pb-old")
    (one,) = after(key(), opened, (), at=NOW, baseline_id="pb-new")
    assert not one.is_open
    assert not one.was_patched
    return one


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (package("kernel", "6.1"), package("kernel", "6.2")),
        (
            Patch("vim.amd64:2:9.0", "", "Security", "Important", "Missing"),
            Patch("vim.amd64:2:9.1", "", "Security", "Important", "Missing"),
        ),
        (rollup("2026-02", 501), rollup("2026-03", 601)),
    ],
)
def test_after_a_change_of_baseline_a_later_version_does_not_revive_what_was_closed(
    older: Patch, newer: Patch
) -> None:
    waiting = closed_by_another(older)
    old, new = after(key(), [waiting], [newer], at=NOW + DAY, baseline_id="pb-new")
    assert (old.closed_at, old.is_open) == (NOW, False)
    assert (new.first_seen, new.first_baseline_id) == (NOW + DAY, "pb-new")


def test_what_another_version_took_the_place_of_is_closed_for_good() -> None:
    """Else two with one identity would be kept, and a later report would be of both."""
    waiting = closed_by_another(package("kernel", "6.1"))
    newer = package("kernel", "6.2")
    old, _ = after(key(), [waiting], [newer], at=NOW + DAY, baseline_id="pb-new")
    assert (old.was_patched, old.closed_at) == (True, NOW)


@pytest.mark.parametrize("operation", ["Scan", "Install"])
def test_nothing_waits_longer_than_30_days_for_its_own_baseline(operation: str) -> None:
    waiting = closed_by_another(OPENSSL)
    more = {"baseline_id": "pb-new", "operation": operation}
    second = timedelta(seconds=1)
    (still,) = after(key(), [waiting], (), at=NOW + WAITS, **more)
    assert still == waiting
    (again,) = after(key(), [waiting], [OPENSSL], at=NOW + WAITS, **more)
    assert (again.is_open, again.first_seen) == (True, NOW - DAY)
    (over,) = after(key(), [waiting], (), at=NOW + WAITS + second, **more)
    assert (over.was_patched, over.closed_at) == (True, NOW)
    old, new = after(key(), [waiting], [OPENSSL], at=NOW + WAITS + second, **more)
    assert old == over
    assert new.first_seen == NOW + WAITS + second


def test_times_are_in_whole_seconds() -> None:
    (one,) = after(
        key(), (), [OPENSSL], at=NOW + timedelta(microseconds=999_999), baseline_id="pb-1"
    )
    assert one.first_seen == NOW


def test_identity_and_series() -> None:
    assert identity(OPENSSL) == "openssl.x86_64"
    assert series(OPENSSL) == ""
    assert series(rollup("2026-02", 5)) == series(rollup("2025-11", 4)) != ""
    assert series(Patch("Security Update: see KB1", "KB1", "", "", "Missing")) == ""
