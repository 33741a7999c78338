"""The composition root: which names it refuses, and that nothing happens before it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import FLAGS, create_app
from bot.chatops.registry import Registry
from bot.config import Settings, load_settings
from bot.core.errors import ConfigurationError


def settings_of(tmp_path: Path, name: str) -> Settings:
    path = tmp_path / "patchbot.toml"
    path.write_text(f'[environments.{name}]\nregions = ["eu-central-1"]\n')
    return load_settings(path, environ={})


def test_putting_the_parts_together_does_nothing(tmp_path: Path) -> None:
    """No file is made and nobody is called; the environments are those of the file."""
    app = create_app(settings_of(tmp_path, "prod"))
    assert app.services.compliance.environments == ("prod",)
    assert [one.name for one in tmp_path.iterdir()] == ["patchbot.toml"]


@pytest.mark.parametrize("name", [*Registry("commands").names, *sorted(FLAGS)])
def test_an_environment_cannot_be_called_like_a_word_of_a_command(
    tmp_path: Path, name: str
) -> None:
    """`status refresh` must mean one thing."""
    with pytest.raises(ConfigurationError, match=f"“{name}”"):
        create_app(settings_of(tmp_path, name))


def test_every_flag_of_every_command_is_known() -> None:
    """A command with a new flag adds it to FLAGS."""
    assert {flag for command in Registry("commands") for flag in command.arguments.flags()} <= FLAGS
