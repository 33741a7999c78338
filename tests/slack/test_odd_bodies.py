"""Bodies that are signed and yet make no sense: refused in one line, without what stands in them."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import quote

import pytest

from bot.demo.slack.demo_workspace import HOME, MAYA
from tests.slack import signed
from tests.slack.conftest import World, until

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
CANARY = "canary-in-the-body"
WHO = {"user": {"id": MAYA, "team_id": HOME}, "team": {"id": HOME}}
VIEW = {"type": "modal", "state": {"values": {}}, "callback_id": CANARY}
BUTTON = {"type": "button", "action_id": "private:x", "value": "echo hello"}


def form(payload: object) -> bytes:
    return b"payload=" + quote(json.dumps(payload)).encode()


def event(**fields: Any) -> bytes:
    return json.dumps({"type": "event_callback", "team_id": HOME, **fields}).encode()


UNREADABLE: list[tuple[bytes, str]] = [
    (b"payload=null", FORM),
    (b"payload=[]", FORM),
    (b"payload=1", FORM),
    (b"payload={", FORM),
    (b"payload=" + b"[" * 200_000, FORM),
    (b"[]", JSON),
    (b"1", JSON),
    (b"null", JSON),
    (b"{", JSON),
    (b"[" * 500_000, JSON),
    (b'{"a":' * 100_000, JSON),
    (b"\xff\xfe", JSON),
    (form({"type": "block_actions", **WHO}), FORM),
    (form({"type": "block_actions", **WHO, "actions": []}), FORM),
    (form({"type": "block_actions", **WHO, "actions": [1]}), FORM),
    (form({"type": "block_actions", **WHO, "actions": [BUTTON, None]}), FORM),
    (form({"type": "block_actions", **WHO, "actions": {"0": BUTTON}}), FORM),
    (form({"type": "block_actions", "user": MAYA, "team": HOME, "actions": [BUTTON]}), FORM),
    (form({"type": "block_actions", **WHO, "actions": [BUTTON], "container": "x"}), FORM),
    (form({"type": "view_submission", **WHO}), FORM),
    (form({"type": "view_submission", **WHO, "view": []}), FORM),
    (form({"type": "view_submission", **WHO, "view": {"type": "modal"}}), FORM),
    (form({"type": "view_submission", **WHO, "view": {"type": "modal", "state": 1}}), FORM),
    (form({"type": "view_submission", **WHO, "view": {"state": {}}}), FORM),
    (form({"type": "view_closed", **WHO, "view": {"callback_id": "x"}}), FORM),
    (event(event="x"), JSON),
    (event(event=[{"type": "app_home_opened"}]), JSON),
    (event(event={"type": "app_home_opened"}, authorizations=[1]), JSON),
]


@pytest.mark.parametrize(("body", "content_type"), UNREADABLE)
def test_a_body_of_no_known_shape_is_a_bad_request(
    world: World, records: list[dict[str, Any]], body: bytes, content_type: str
) -> None:
    assert signed.post(world, body, content_type).status == 400
    assert [record["event"] for record in records] == ["request.unreadable"]
    assert "exc_info" not in records[0]


@pytest.mark.parametrize(
    "body",
    [
        form({"type": "view_submission", **WHO, "view": VIEW}),
        form({"type": "block_suggestion", **WHO, "action_id": "x", "value": CANARY}),
        form({"type": CANARY[:5], **WHO, "text": CANARY}),
        form({"text": CANARY}),
    ],
)
def test_what_nobody_listens_to_is_not_found_and_not_logged(
    world: World, records: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert signed.post(world, body, FORM).status == 404
    assert [record["event"] for record in records] == ["request.unknown"]
    warned = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert CANARY not in str(records) + str([each.getMessage() for each in warned])


def test_ids_that_are_no_texts_are_no_fault_of_ours(
    world: World, records: list[dict[str, Any]]
) -> None:
    """They would be remembered as they are, and a list cannot be."""
    click = {"type": "block_actions", **WHO, "actions": [BUTTON], "trigger_id": {"a": 1}}
    assert signed.post(world, form(click), FORM).status == 200
    opened = {"type": "app_home_opened", "tab": "home", "user": MAYA}
    assert signed.post(world, event(event=opened, event_id=[1]), JSON).status == 200
    until(lambda: len(world.slack.calls.of("views.publish")) == 1)
    assert not [record for record in records if record["event"] == "listener.failed"]


def test_a_request_leaves_our_own_loggers_as_they_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every request Bolt gives the logger of its app's name the root's level: ours would fall silent."""
    ours = logging.getLogger("patchbot")
    monkeypatch.setattr(ours, "level", logging.NOTSET)
    click = {"type": "block_actions", **WHO, "actions": [BUTTON], "trigger_id": "1.2.3"}
    assert signed.post(world, form(click), FORM).status == 200
    assert ours.level == logging.NOTSET
