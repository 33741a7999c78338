"""Who decides is looked up at that moment: nothing that was known before counts, and what cannot be told is refused."""

from __future__ import annotations

import pytest

from bot.core.errors import NotAllowed, SlackError
from bot.core.identity import Kind
from bot.demo.slack.demo_workspace import (
    DANA,
    GUS,
    HOME,
    JONAS,
    PARTNER,
    PATCHING,
    PLATFORM_APPROVERS,
    PRIYA,
    SHARED,
    STRANGER,
    WORKFLOW,
)
from bot.slack.api import SlackApi
from bot.slack.identity import Home
from bot.slack.people import LivePeople
from tests.slack.conftest import World


@pytest.fixture
def people(world: World) -> LivePeople:
    return LivePeople(
        SlackApi(world.slack.bot_token, base_url=world.slack.api_url),
        usergroups=(PLATFORM_APPROVERS,),
        clock=world.clock,
        home=lambda: Home(HOME),
    )


def test_a_member_comes_with_the_groups_of_this_moment(world: World, people: LivePeople) -> None:
    """The clock stands still: a directory that remembered would not see it."""
    assert people.look_up(JONAS, team=HOME).groups == {PLATFORM_APPROVERS}
    world.slack.admin.set_usergroup(PLATFORM_APPROVERS, [PRIYA])
    assert people.look_up(JONAS, team=HOME).groups == frozenset()
    world.slack.admin.deactivate(JONAS)
    assert people.look_up(JONAS, team=HOME).kind is Kind.DEACTIVATED


@pytest.mark.parametrize(
    ("user", "team", "kind"),
    [
        (GUS, HOME, Kind.GUEST),
        (DANA, HOME, Kind.DEACTIVATED),
        (WORKFLOW, HOME, Kind.BOT),
        (STRANGER, HOME, Kind.STRANGER),
        ("U0NOBODY00", HOME, Kind.STRANGER),
        (JONAS, PARTNER, Kind.STRANGER),
        (JONAS, f"{HOME} {PARTNER}", Kind.STRANGER),
        (JONAS, "", Kind.STRANGER),
    ],
)
def test_everybody_else_is_told_apart(people: LivePeople, user: str, team: str, kind: Kind) -> None:
    """All teams that the payload named count, not the first alone."""
    assert people.look_up(user, team=team).kind is kind


@pytest.mark.parametrize("method", ["users.info", "usergroups.users.list"])
@pytest.mark.parametrize("code", ["missing_scope", "internal_error"])
def test_what_slack_does_not_tell_is_no_member(
    world: World, people: LivePeople, method: str, code: str
) -> None:
    world.slack.faults.refuse(method, code, times=9)
    with pytest.raises((NotAllowed, SlackError)):
        people.look_up(JONAS, team=HOME)


def test_a_channel_with_others_in_it_is_known(world: World, people: LivePeople) -> None:
    assert people.is_shared_outside(SHARED)
    assert not people.is_shared_outside(PATCHING)
    assert not people.is_shared_outside("D0SOMEBODY")
    with pytest.raises(SlackError):
        people.is_shared_outside("C0NOWHERE00")
