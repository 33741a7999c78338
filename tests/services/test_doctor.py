"""The doctor runs every check, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Iterator

from bot.core.errors import ConfigurationError
from bot.services.doctor import Doctor, Finding, Outcome

FINE = Finding("thing", Outcome.OK, "is there")


def refusing() -> Iterator[Finding]:
    yield FINE
    raise ConfigurationError("It is not there.", hint="Put it there.")


def faulty() -> list[Finding]:
    raise KeyError("thing")


def test_areas_come_in_the_order_of_the_checks() -> None:
    doctor = Doctor(lambda: [("one", lambda: [FINE]), ("two", list), ("three", lambda: [FINE])])
    assert doctor.examine() == (("one", (FINE,)), ("two", ()), ("three", (FINE,)))


def test_a_check_that_fails_is_a_finding_and_the_others_are_told() -> None:
    doctor = Doctor(lambda: [("bad", refusing), ("good", lambda: [FINE])])
    assert doctor.examine() == (
        ("bad", (Finding("check", Outcome.FAILED, "It is not there.", "Put it there."),)),
        ("good", (FINE,)),
    )


def test_a_fault_of_ours_is_a_finding_too() -> None:
    doctor = Doctor(lambda: [("bad", faulty), ("good", lambda: [FINE])])
    (_, (found,)), (_, good) = doctor.examine()
    assert found.outcome is Outcome.FAILED
    assert "KeyError" in found.detail
    assert good == (FINE,)


def test_without_checks_there_is_nothing() -> None:
    assert Doctor(list).examine() == ()
