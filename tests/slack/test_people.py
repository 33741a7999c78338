"""Who is answered and who is refused, whatever the account and whatever the payload says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.core.errors import SlackError
from bot.core.identity import AccessPolicy, Kind, Members
from bot.demo.slack.demo_workspace import (
    DANA,
    ELENA,
    GUS,
    HOME,
    JONAS,
    MAYA,
    PARTNER,
    PATCHING,
    PLATFORM_APPROVERS,
    PRIYA,
    STRANGER,
    WORKFLOW,
)
from bot.demo.slack.workspace import User
from bot.slack.api import UNREADABLE
from bot.slack.identity import Home, kind_of
from tests.slack import signed
from tests.slack.conftest import SAMPLE, MakeWorld, World, desk_of, until

ULTRA = "U0ULTRA001"


def said_to(world: World, user: str, text: str = "echo hello", **fields: str) -> str:
    """What somebody gets to read for a command."""
    before = len(signed.replies(world))
    assert signed.command(world, user, text, **fields).status == 200
    until(lambda: len(signed.replies(world)) > before)
    return str(signed.replies(world)[-1]["text"])


@pytest.mark.parametrize("user", [MAYA, JONAS, PRIYA, ELENA])
def test_members_are_answered(world: World, user: str) -> None:
    assert said_to(world, user) == "echo: hello"


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        (GUS, "guests cannot use patchbot"),
        (ULTRA, "guests cannot use patchbot"),
        (DANA, "this account is deactivated"),
        (WORKFLOW, "bots and workflows cannot use patchbot"),
        ("USLACKBOT", "bots and workflows cannot use patchbot"),
        (STRANGER, "only members of the workspace"),
        ("U0NOBODY00", "only members of the workspace"),
        ("", "only members of the workspace"),
    ],
)
@pytest.mark.parametrize("by", ["command", "click"])
def test_everybody_else_is_refused_with_the_reason(
    world: World, user: str, reason: str, by: str
) -> None:
    world.slack.admin.add_user(User(ULTRA, "ula", "Ula", "Guest", is_ultra_restricted=True))
    if by == "command":
        assert reason in said_to(world, user)
        return
    signed.click(world, user, "echo hello", user={"id": user, "team_id": HOME})
    until(lambda: len(signed.replies(world)) == 1)
    assert reason in signed.replies(world)[0]["text"]


@pytest.mark.parametrize("team", [PARTNER, "", "T0FORGED01"])
def test_a_command_of_another_team_is_refused_without_asking_slack(world: World, team: str) -> None:
    assert "only members" in said_to(world, MAYA, team_id=team)
    assert world.slack.calls.of("users.info") == []


def test_a_click_of_another_team_is_refused(world: World) -> None:
    """The workspace of the channel is ours, the person's is not."""
    signed.click(world, MAYA, "echo hello", user={"id": MAYA, "team_id": PARTNER})
    until(lambda: len(signed.replies(world)) == 1)
    assert "only members" in signed.replies(world)[0]["text"]


def test_a_partner_is_refused_on_a_card_of_before_the_channel_was_shared(world: World) -> None:
    world.ask(MAYA, PATCHING, "echo one")
    world.slack.person(MAYA).click(world.answer(MAYA, PATCHING, "echo: one"), "channel:it")
    world.answer(JONAS, PATCHING, "echo: one-again")
    world.slack.live.channels[PATCHING].shared_with = (PARTNER,)
    world.slack.admin.add_member(PATCHING, STRANGER)
    card = world.answer(STRANGER, PATCHING, "echo: one-again")
    world.slack.person(STRANGER).click(card, "private:it")
    assert world.answer(STRANGER, PATCHING, "only members")["ephemeral"]


def test_a_refusal_stands_in_the_log_without_what_was_typed(
    world: World, records: list[dict[str, Any]]
) -> None:
    said_to(world, GUS, "echo topsecret")
    until(lambda: any(record["event"] == "question.refused" for record in records))
    refused = next(record for record in records if record["event"] == "question.refused")
    assert (refused["user"], refused["error"]) == (GUS, "NotAllowed")
    assert "topsecret" not in str(records)


def test_a_member_of_a_user_group_holds_its_role_and_others_do_not(world: World) -> None:
    assert said_to(world, PRIYA, "secret x") == "echo: x"
    assert "needs the role “admin”" in said_to(world, MAYA, "secret x")


def test_the_person_has_name_zone_and_the_groups_of_the_policy(world: World) -> None:
    """Of the groups Priya is in, only the one the policy names is looked up."""
    assert said_to(world, PRIYA, "whoami") == (
        f"echo: Priya Raman in Asia/Kolkata with {PLATFORM_APPROVERS}"
    )
    assert {call.args["usergroup"] for call in world.slack.calls.of("usergroups.users.list")} == {
        PLATFORM_APPROVERS
    }


def test_people_and_groups_are_looked_up_once_in_five_minutes(world: World) -> None:
    for _ in range(3):
        said_to(world, PRIYA, "secret x")
    assert len(world.slack.calls.of("users.info")) == 1
    assert len(world.slack.calls.of("usergroups.users.list")) == 1
    assert len(world.slack.calls.of("auth.test")) == 1
    world.slack.admin.set_usergroup(PLATFORM_APPROVERS, [JONAS])
    world.clock.now += 301
    assert "needs the role" in said_to(world, PRIYA, "secret x")
    assert len(world.slack.calls.of("users.info")) == 2


def test_a_deactivated_account_is_refused_after_five_minutes_at_the_latest(world: World) -> None:
    said_to(world, PRIYA)
    world.slack.admin.deactivate(PRIYA)
    world.clock.now += 301
    assert "deactivated" in said_to(world, PRIYA)


def test_who_cannot_be_looked_up_is_refused(world: World) -> None:
    """Fail closed: an outage gives nobody a right, and is not remembered as an answer."""
    world.slack.faults.refuse("users.info", "fatal_error")
    assert "I could not check who you are" in said_to(world, MAYA)
    assert said_to(world, MAYA) == "echo: hello"


def test_without_knowing_the_home_workspace_everybody_is_refused(world: World) -> None:
    world.slack.faults.refuse("auth.test", "invalid_auth")
    said = said_to(world, MAYA)
    assert "I could not check who you are" in said
    assert "SLACK_BOT_TOKEN" in said


def test_a_group_that_cannot_be_read_gives_no_role_and_the_refusal_says_so(world: World) -> None:
    world.slack.faults.refuse("usergroups.users.list", "plan_upgrade_required")
    said = said_to(world, PRIYA, "secret x")
    assert f"{PLATFORM_APPROVERS} (plan_upgrade_required)" in said.replace("ˍ", "_")


def test_a_group_that_cannot_be_read_does_not_keep_anybody_from_reading(world: World) -> None:
    world.slack.faults.refuse("usergroups.users.list", "plan_upgrade_required")
    assert said_to(world, PRIYA) == "echo: hello"


def test_viewers_can_be_narrowed_to_a_group(make_world: MakeWorld) -> None:
    access = AccessPolicy(viewers=Members(usergroups=frozenset({PLATFORM_APPROVERS})))
    world = make_world(desk=desk_of(SAMPLE, access))
    assert said_to(world, PRIYA) == "echo: hello"
    assert "needs the role “viewer”" in said_to(world, MAYA)


def test_a_configured_home_team_counts_not_that_of_the_token(make_world: MakeWorld) -> None:
    world = make_world(home_team="T0ELSEWHER")
    assert "only members" in said_to(world, MAYA)


ACCOUNT = {
    "id": "U1",
    "team_id": "T1",
    "deleted": False,
    "is_bot": False,
    "is_restricted": False,
    "is_ultra_restricted": False,
}
ALONE = Home("T1")
GRID = Home("T1", enterprise_id="E1")
WORKSPACES = {"enterprise_id": "E1", "teams": ["T1", "T2"]}
ELSEWHERE = {"enterprise_id": "E2", "teams": ["T1"]}
AS_TEXT = {"enterprise_id": "E1", "teams": "T11"}


@pytest.mark.parametrize(
    ("changes", "home", "kind"),
    [
        ({}, ALONE, Kind.MEMBER),
        ({"is_app_user": True}, ALONE, Kind.MEMBER),
        ({"is_workflow_bot": True}, ALONE, Kind.BOT),
        ({"is_connector_bot": True}, ALONE, Kind.BOT),
        ({"is_stranger": True}, ALONE, Kind.STRANGER),
        ({"is_ultra_restricted": True}, ALONE, Kind.GUEST),
        ({"is_bot": True, "deleted": True}, ALONE, Kind.DEACTIVATED),
        ({"team_id": "T2"}, ALONE, Kind.STRANGER),
        ({"team_id": "T2", "enterprise_user": WORKSPACES}, ALONE, Kind.STRANGER),
        ({"team_id": "T2", "enterprise_user": WORKSPACES}, GRID, Kind.MEMBER),
        ({"team_id": "E1", "enterprise_user": WORKSPACES}, GRID, Kind.MEMBER),
        ({"team_id": "E1"}, GRID, Kind.STRANGER),
        ({"team_id": "T3", "enterprise_user": ELSEWHERE}, GRID, Kind.STRANGER),
        ({"team_id": "T2", "enterprise_user": AS_TEXT}, GRID, Kind.STRANGER),
        ({"team_id": None}, ALONE, Kind.STRANGER),
        ({"team_id": None}, Home(""), Kind.STRANGER),
    ],
)
def test_the_kind_of_an_account(changes: dict[str, Any], home: Home, kind: Kind) -> None:
    assert kind_of({**ACCOUNT, **changes}, home, asked="U1") is kind


def test_what_slack_leaves_out_of_the_deactivated_and_of_strangers_is_not_needed() -> None:
    """Their profiles are shorter than those of members."""
    gone = {"id": "U1", "team_id": "T1", "deleted": True}
    assert kind_of(gone, ALONE, asked="U1") is Kind.DEACTIVATED
    assert kind_of({"id": "U1", "team_id": "T2"}, ALONE, asked="U1") is Kind.STRANGER


@pytest.mark.parametrize("name", ["deleted", "is_bot", "is_restricted", "is_ultra_restricted"])
@pytest.mark.parametrize("value", [None, "false", 0])
def test_a_flag_that_is_not_told_is_not_assumed(name: str, value: object) -> None:
    with pytest.raises(SlackError) as caught:
        kind_of({**ACCOUNT, name: value}, ALONE, asked="U1")
    assert caught.value.code == UNREADABLE


@pytest.mark.parametrize("answer", [{}, {**ACCOUNT, "id": "U2"}, {**ACCOUNT, "id": None}])
def test_an_answer_about_somebody_else_is_no_answer(answer: dict[str, Any]) -> None:
    with pytest.raises(SlackError):
        kind_of(answer, ALONE, asked="U1")


def test_whoever_slack_describes_in_part_is_refused_with_the_reason(world: World) -> None:
    live = world.slack.live
    shown = live.users[MAYA]
    world.slack.admin.add_user(replace(shown, is_restricted=None))  # type: ignore[arg-type]
    assert "I could not check who you are" in said_to(world, MAYA)
    world.slack.admin.add_user(shown)
    assert said_to(world, MAYA) == "echo: hello"
