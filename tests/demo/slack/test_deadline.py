"""The deadline of the ack: what the person sees when the app takes too long."""

from pathlib import Path
from typing import Any

import pytest

from bot.demo.slack import demo_workspace as demo
from bot.demo.slack.server import LocalSlack
from tests.demo.slack.bolt_app import TransportName, new_app, running
from tests.demo.slack.receiver import receiving


def test_an_app_that_hangs_is_operation_timeout(manifest: Path, page: Path) -> None:
    """Over HTTP."""
    with (
        LocalSlack(manifest, page=page, ack_seconds=0.2) as slack,
        receiving() as (receiver, url),
    ):
        slack.connect_http(url)
        receiver.hangs = True
        answer = slack.person(demo.MAYA).command(demo.GENERAL, "/patch help")
    assert answer["message"] == '/patch failed with the error "operation_timeout"'


@pytest.mark.parametrize(
    ("transport", "error"), [("socket", "operation_timeout"), ("http", "dispatch_failed")]
)
def test_a_command_nobody_handles(
    manifest: Path, page: Path, transport: TransportName, error: str
) -> None:
    """Bolt answers 404: over HTTP that is seen at once, over Socket Mode nothing ever comes."""
    with LocalSlack(manifest, page=page, ack_seconds=0.5) as slack:
        app: Any = new_app(slack)
        with running(app, slack, transport):
            answer = slack.person(demo.MAYA).command(demo.GENERAL, "/patch help")
    assert answer["error"] == error
