"""Nothing is posted for everybody where people of elsewhere read along, or where that cannot be told."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bot.core.errors import NotAllowed, SlackError
from bot.demo.slack.demo_workspace import (
    APPROVALS,
    ELENA,
    MAYA,
    PARTNER,
    PATCHING,
    SECURITY,
    SHARED,
    STRANGER,
)
from bot.slack.api import UNREADABLE, slack_error
from bot.slack.audience import Audience
from bot.slack.identity import Home
from tests.slack.conftest import Ticking, World, until


def private_card(world: World, channel: str, user: str = MAYA) -> dict[str, Any]:
    world.ask(user, channel, "echo one")
    return world.answer(user, channel, "echo: one")


def seen_by(world: World, user: str, channel: str) -> list[str]:
    return [message["text"] for message in world.slack.person(user).messages(channel)]


def test_a_card_is_not_shared_with_another_organisation(world: World) -> None:
    before = seen_by(world, STRANGER, SHARED)
    world.slack.person(MAYA).click(private_card(world, SHARED), "channel:it")
    assert world.answer(MAYA, SHARED, "shared with another organisation")["ephemeral"]
    assert seen_by(world, STRANGER, SHARED) == before
    assert seen_by(world, ELENA, SHARED) == before
    assert world.slack.calls.of("chat.postMessage") == []


def test_a_file_does_not_go_into_a_thread_that_another_organisation_reads(world: World) -> None:
    """The card was shared before the channel was."""
    world.slack.person(MAYA).click(private_card(world, PATCHING), "channel:it")
    card = world.slack.person(ELENA).wait_for(
        PATCHING, lambda message: message["text"] == "echo: one-again"
    )
    world.slack.live.channels[PATCHING].shared_with = (PARTNER,)
    world.clock.now += 301
    world.slack.person(ELENA).click(card, "file:it")
    assert world.answer(ELENA, PATCHING, "direct message")["ephemeral"]
    (shared,) = world.slack.calls.of("files.completeUploadExternal")
    assert str(shared.args["channel_id"]).startswith("D")


def test_where_patchbot_cannot_see_who_reads_along_it_asks_to_be_invited(world: World) -> None:
    """A private channel without it does not exist for it; a response_url would post there all the same."""
    world.slack.admin.kick_app(APPROVALS)
    world.slack.person(MAYA).click(private_card(world, APPROVALS), "channel:it")
    refused = world.answer(MAYA, APPROVALS, "could not check who else reads this channel")
    assert "/invite" in refused["text"]
    world.slack.admin.invite_app(APPROVALS)
    world.clock.now += 3
    world.slack.person(MAYA).click(private_card(world, APPROVALS), "channel:it")
    assert not world.answer(MAYA, APPROVALS, "echo: one-again")["ephemeral"]


def test_a_public_channel_of_our_own_needs_no_invitation(world: World) -> None:
    world.slack.person(ELENA).click(private_card(world, SECURITY, ELENA), "channel:it")
    assert not world.answer(ELENA, SECURITY, "echo: one-again")["ephemeral"]


@pytest.mark.parametrize("error", ["missing_scope", "fatal_error", "channel_not_found"])
def test_what_slack_does_not_tell_is_not_assumed(world: World, error: str) -> None:
    world.slack.faults.refuse("conversations.info", error)
    world.slack.person(MAYA).click(private_card(world, PATCHING), "channel:it")
    assert world.answer(MAYA, PATCHING, "could not check")["ephemeral"]
    assert "echo: one-again" not in seen_by(world, ELENA, PATCHING)


def test_a_channel_is_asked_about_once_in_five_minutes(world: World) -> None:
    card = private_card(world, PATCHING)
    for shared in (1, 2, 3):
        world.slack.person(MAYA).click(card, "channel:it")
        until(partial(has_seen, world, shared))
        world.clock.now += 3
    assert len(world.slack.calls.of("conversations.info")) == 1


def has_seen(world: World, times: int) -> bool:
    return seen_by(world, ELENA, PATCHING).count("echo: one-again") == times


OURS = {"id": "C1", "is_ext_shared": False, "is_org_shared": False, "is_pending_ext_shared": False}


class Slack:
    """Stands for Slack's answers about one channel and our workspace."""

    def __init__(self, told: dict[str, Any], enterprise_id: str = "") -> None:
        self.told = told
        self._home = Home("T1", enterprise_id)

    def channel(self, _channel: str) -> dict[str, Any]:
        return self.told

    def home(self) -> Home:
        return self._home


def check(told: dict[str, Any], *, enterprise_id: str = "", channel: str = "C1") -> None:
    slack = Slack(told, enterprise_id)
    Audience(slack, slack, clock=Ticking()).check(channel)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "enterprise_id"),
    [(OURS, ""), (OURS, "E1"), ({**OURS, "is_org_shared": True, "is_shared": True}, "E1")],
)
def test_channels_of_the_organisation_are_good(told: dict[str, Any], enterprise_id: str) -> None:
    check(told, enterprise_id=enterprise_id)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_ext_shared": True}, "another organisation"),
        ({"is_pending_ext_shared": True}, "another organisation"),
        ({"pending_shared": ["T2"]}, "another organisation"),
        ({"pending_connected_team_ids": ["T2"]}, "another organisation"),
        ({"is_org_shared": True}, "another workspace"),
        ({"is_ext_shared": None}, "could not check"),
        ({"is_ext_shared": "false"}, "could not check"),
        ({"is_org_shared": None}, "could not check"),
        ({"id": "C2"}, "could not check"),
    ],
)
def test_all_others_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotAllowed, match=reason) as caught:
        check({**OURS, **changes})
    assert caught.value.hint


def test_an_answer_that_could_not_be_read_is_asked_for_again() -> None:
    slack = Slack({})
    audience = Audience(slack, slack, clock=Ticking())  # type: ignore[arg-type]
    with pytest.raises(NotAllowed) as caught:
        audience.check("C1")
    assert isinstance(caught.value.__cause__, SlackError)
    assert caught.value.__cause__.code == slack_error(UNREADABLE, method="x").code
    slack.told = OURS
    audience.check("C1")


def test_a_direct_message_is_no_place_to_share() -> None:
    with pytest.raises(NotAllowed, match="direct message"):
        check(OURS, channel="D1")
