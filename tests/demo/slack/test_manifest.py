"""Reading manifest.yml: what is there, what is left out, what Slack would not install."""

from pathlib import Path

import pytest

from bot.demo.slack.manifest import read_manifest


def test_a_manifest_says_what_the_app_may(manifest: Path) -> None:
    """Commands with their escaping, scopes, events and tabs."""
    read = read_manifest(manifest)
    assert (read.name, read.bot_name) == ("patchbot", "Patchbot")
    patch, raw = read.command("/patch"), read.command("/raw")
    assert patch is not None
    assert raw is not None
    assert (patch.should_escape, raw.should_escape) == (True, False)
    assert read.command("/other") is None
    assert {"chat:write", "commands"} <= read.scopes
    assert read.bot_events == {"app_home_opened"}
    assert (read.home_tab, read.messages_tab, read.interactivity) == (True, True, True)


def test_what_is_left_out_is_off(tmp_path: Path) -> None:
    """A bare manifest has no scope, no command, no Home."""
    path = tmp_path / "manifest.yml"
    path.write_text("display_information: { name: Bare }")
    read = read_manifest(path)
    assert (read.scopes, read.commands, read.home_tab) == (frozenset(), (), False)
    assert read.bot_name == "Bare"


def test_commands_need_their_scope(manifest: Path) -> None:
    """Slack does not install such an app; the local one says what to add."""
    manifest.write_text(manifest.read_text().replace(" commands,", ""))
    with pytest.raises(ValueError, match="“commands”"):
        read_manifest(manifest)
