"""The Slack side as a whole: made, checked, started and stopped."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.chatops.registry import Registry
from bot.core.errors import ConfigurationError, SlackError
from bot.core.identity import Members
from bot.core.rules import ChangeRules
from bot.demo.slack.demo_workspace import APPROVALS, MAYA, PATCHING, PLATFORM_APPROVERS
from bot.demo.slack.server import LocalSlack
from bot.services.doctor import Finding, Outcome
from bot.slack.bot import create_slack_bot
from bot.slack.manifest import manifest
from tests.slack import signed
from tests.slack.conftest import SAMPLE, MakeWorld, World, desk_of, until
from tests.slack.controls import GATE


def test_making_it_asks_slack_nothing(world: World) -> None:
    assert world.slack.calls.all() == []


def test_stray_variables_of_the_sdk_change_nothing(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SLACK_CLIENT_ID and SLACK_CLIENT_SECRET switch Bolt to OAuth mode, which ignores the token."""
    for name in (
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "SLACK_CLIENT_ID",
        "SLACK_CLIENT_SECRET",
        "SLACK_SIGNING_SECRET",
        "SLACK_VERIFICATION_TOKEN",
    ):
        monkeypatch.setenv(name, "stray")
    world = make_world()
    world.ask(MAYA, PATCHING, "echo hello")
    assert world.answer(MAYA, PATCHING, "echo: hello")["ephemeral"]


@pytest.mark.parametrize("socket_mode", [True, False])
def test_a_slack_on_this_machine_is_not_asked_for_through_a_proxy(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, *, socket_mode: bool
) -> None:
    """The SDK heeds HTTP_PROXY but not NO_PROXY."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    world = make_world(socket_mode=socket_mode)
    world.ask(MAYA, PATCHING, "echo hello")
    assert world.answer(MAYA, PATCHING, "echo: hello")["ephemeral"]


def test_without_app_token_there_is_no_socket_mode(make_world: MakeWorld) -> None:
    with pytest.raises(ConfigurationError, match="app token") as caught:
        make_world(app_token="").bot.start_socket_mode()
    assert "SLACK_APP_TOKEN" in caught.value.hint


def test_a_wrong_app_token_is_told(make_world: MakeWorld) -> None:
    with pytest.raises(SlackError) as caught:
        make_world(app_token="xapp-wrong").bot.start_socket_mode()
    assert caught.value.code == "invalid_auth"


def test_a_slack_that_is_not_there_is_told() -> None:
    bot = create_slack_bot(
        desk_of(SAMPLE),
        bot_token="xoxb-1",
        app_token="xapp-1",
        signing_secret="s",
        api_url="http://127.0.0.1:9/api/",
    )
    with pytest.raises(SlackError, match="did not answer"):
        bot.start_socket_mode()
    bot.stop()


def test_it_comes_back_when_slack_drops_the_connection(make_world: MakeWorld) -> None:
    world = make_world(socket_mode=True)
    world.slack.disconnect_sockets()
    until(lambda: len(world.slack.calls.of("apps.connections.open")) > 1)
    until(lambda: world.slack.connections == 1 and world.bot.healthy())
    world.ask(MAYA, PATCHING, "echo hello")
    assert world.answer(MAYA, PATCHING, "echo: hello")["ephemeral"]


def test_stopping_finishes_what_was_taken_on(world: World) -> None:
    for number in range(20):
        signed.command(world, f"U0NOBODY{number:02}", "echo hello")
    assert world.bot.stop(10)
    assert len(signed.replies(world)) == 20
    assert not world.bot.healthy()


def test_whoever_cannot_be_answered_before_the_end_is_told(make_world: MakeWorld) -> None:
    world = make_world(workers=1)
    signed.command(world, MAYA, "slow one")
    until(lambda: GATE.arrived == 1)
    signed.command(world, MAYA, "echo two")
    assert not world.bot.stop(0.05)
    assert [sent["text"] for sent in signed.replies(world)] == [
        "I am being restarted and could not finish this. Nothing was changed. Ask again in a minute."
    ]
    assert b"being restarted" in signed.command(world, MAYA, "echo three").body
    GATE.open()
    until(lambda: len(signed.replies(world)) == 2)


def test_the_bot_itself_refuses_what_is_not_signed(world: World) -> None:
    """Whoever forgets to check before `handle_http` is still safe."""
    body = b"command=%2Fpatch&text=echo+hello&user_id=U0MAYA0001&team_id=T0NORTHWIND"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for extra in (
        {},
        signed.signature(body, "another secret"),
        signed.signature(body, world.slack.signing_secret, now=1),
        {**signed.signature(body, world.slack.signing_secret), "x-slack-signature": "v0=é"},
        {**signed.signature(body, world.slack.signing_secret), "x-slack-request-timestamp": "x"},
    ):
        assert world.bot.handle_http(body, headers | extra).status == 401


def test_without_a_secret_no_http_request_is_good(make_world: MakeWorld) -> None:
    """In Socket Mode there may be none; an empty secret must not be one that signs."""
    world = make_world(signing_secret="", socket_mode=True)
    body = b"command=%2Fpatch&text=echo+hello"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert world.bot.handle_http(body, headers | signed.signature(body, "")).status == 401


def test_during_a_rotation_both_secrets_are_good(make_world: MakeWorld) -> None:
    world = make_world(old_signing_secret="the old one")
    body = b"ssl_check=0&command=%2Fpatch&text=echo&user_id=U0MAYA0001&team_id=T0NORTHWIND"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for secret in (world.slack.signing_secret, "the old one"):
        assert world.bot.handle_http(body, headers | signed.signature(body, secret)).status == 200


def test_slack_can_verify_the_address(world: World) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "abc"}).encode()
    answer = signed.post(world, body, "application/json")
    assert (answer.status, answer.body) == (200, b'{"challenge": "abc"}')


def findings(world: World) -> dict[str, Finding]:
    return {finding.subject: finding for finding in world.bot.check()}


def test_the_doctor_finds_a_sound_setup_sound(world: World) -> None:
    found = findings(world)
    assert list(found) == ["bot token", "home workspace", "scopes", "app token"]
    assert {finding.outcome for finding in found.values()} <= {Outcome.OK, Outcome.WARNING}
    assert found["app token"].outcome is Outcome.OK
    assert "T0NORTHWIND" in found["home workspace"].detail


def test_the_doctor_looks_at_channels_and_counts_approvers(make_world: MakeWorld) -> None:
    """A card that cannot be posted, or that others would read, and an approval that nobody can give."""
    rules = ChangeRules(
        "prod",
        approvers=Members(usergroups=frozenset({PLATFORM_APPROVERS})),
        approvals=2,
        protected=True,
        channel=PATCHING,
        approval_channel=APPROVALS,
    )
    stricter = replace(rules, environment="dev", approvals=9)
    world = make_world(rules=(rules, stricter), channels=("C0NOWHERE1",))
    found = findings(world)
    assert found["channel C0NOWHERE1"].outcome is Outcome.FAILED
    assert found[f"channel {PATCHING}"].outcome is Outcome.OK
    assert found["approvers of dev"].outcome is Outcome.FAILED
    assert "9 approvals needed" in found["approvers of dev"].detail
    assert found["approvers of prod"].outcome is not Outcome.FAILED
    world.slack.admin.kick_app(APPROVALS)
    world.slack.admin.share(PATCHING, "T0PARTNER1")
    world.clock.now += 600
    found = findings(world)
    assert found[f"channel {APPROVALS}"].detail == "patchbot does not see it"
    assert "shared with another organisation" in found[f"channel {PATCHING}"].detail
    world.slack.admin.invite_app(APPROVALS)
    world.slack.admin.archive(APPROVALS)
    assert findings(world)[f"channel {APPROVALS}"].detail == "is archived"
    world.slack.admin.kick_app(PATCHING)
    assert findings(world)[f"channel {PATCHING}"].detail == "patchbot is not in it"


def test_the_doctor_says_what_to_do_about_tokens(make_world: MakeWorld, tmp_path: Path) -> None:
    wrong = make_world(bot_token="xoxb-wrong")
    (only,) = wrong.bot.check()
    assert only.outcome is Outcome.FAILED
    assert "SLACK_BOT_TOKEN" in only.hint


def test_the_doctor_tells_a_missing_and_a_wrong_app_token_apart(make_world: MakeWorld) -> None:
    world = make_world(app_token="")
    assert findings(world)["app token"].outcome is Outcome.WARNING
    swapped = make_world(app_token=world.slack.bot_token)
    assert findings(swapped)["app token"].outcome is Outcome.FAILED


def test_in_http_mode_nobody_misses_an_app_token(make_world: MakeWorld) -> None:
    world = make_world(app_token="")
    assert "app token" not in [each.subject for each in world.bot.check(socket_mode=False)]


def test_the_doctor_sees_another_workspace_and_unreadable_groups(make_world: MakeWorld) -> None:
    world = make_world(home_team="T0ELSEWHER", policy_usergroups=["S0NOSUCH00"])
    found = findings(world)
    assert found["home workspace"].outcome is Outcome.FAILED
    assert found["user group S0NOSUCH00"].outcome is Outcome.WARNING
    assert "no_such_subteam" in found["user group S0NOSUCH00"].detail


def test_the_doctor_names_missing_scopes(tmp_path: Path) -> None:
    made: dict[str, Any] = manifest(Registry(SAMPLE))
    made["oauth_config"]["scopes"]["bot"].remove("files:write")
    path = tmp_path / "manifest.yml"
    path.write_text(yaml.safe_dump(made))
    with LocalSlack(path) as slack:
        bot = create_slack_bot(
            desk_of(SAMPLE),
            bot_token=slack.bot_token,
            signing_secret=slack.signing_secret,
            api_url=slack.api_url,
        )
        scopes = next(finding for finding in bot.check() if finding.subject == "scopes")
        bot.stop()
    assert scopes.outcome is Outcome.FAILED
    assert "files:write" in scopes.detail


def test_stopping_does_not_wait_for_the_next_word_of_slack(make_world: MakeWorld) -> None:
    """The SDK holds the connection while it reads; here that would last longer than anybody waits."""
    world = make_world(socket_mode=True)
    socket_mode = world.bot._socket
    assert socket_mode is not None
    session = socket_mode.client.current_session
    assert session is not None
    assert session.sock is not None
    session.sock.settimeout(600)
    world.ask(MAYA, PATCHING, "echo hello")
    world.answer(MAYA, PATCHING, "echo: hello")
    stopping = threading.Thread(target=world.bot.stop, daemon=True)
    stopping.start()
    until(lambda: not stopping.is_alive())


def test_no_thread_is_left_behind(make_world: MakeWorld) -> None:
    before = {thread.name for thread in threading.enumerate()}
    world = make_world(socket_mode=True)
    world.ask(MAYA, PATCHING, "echo hello")
    world.answer(MAYA, PATCHING, "echo: hello")
    world.bot.stop()
    until(
        lambda: (
            not [
                thread.name
                for thread in threading.enumerate()
                if thread.name.startswith("slack-") and thread.name not in before
            ]
        )
    )
