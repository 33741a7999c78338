"""Says loudly when Slack's schemas are absent: a test that is left out must not look like one that passed."""

import pytest

from tests.oracles import slack_schema


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line at the end of the run."""
    if not slack_schema.AVAILABLE:
        terminalreporter.section("left out", sep="!", yellow=True, bold=True)
        terminalreporter.write_line(slack_schema.LEFT_OUT, yellow=True, bold=True)
