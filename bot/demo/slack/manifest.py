"""What the app asked Slack for: the parts of `manifest.yml` that change what Slack does."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """One slash command of the manifest."""

    command: str
    description: str
    usage_hint: str
    should_escape: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """The app as Slack knows it."""

    name: str
    bot_name: str
    scopes: frozenset[str]
    commands: tuple[SlashCommand, ...]
    bot_events: frozenset[str]
    home_tab: bool
    messages_tab: bool
    interactivity: bool

    def command(self, name: str) -> SlashCommand | None:
        """Return the slash command called `name` (with its slash), or None."""
        return next((each for each in self.commands if each.command == name), None)


def read_manifest(path: Path) -> Manifest:
    """Read an app manifest (YAML; api.slack.com, "App manifest reference").

    Raises OSError when there is no such file, KeyError without a display name, and ValueError for
    slash commands without the scope `commands`, which Slack does not install either.
    """
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    features = document.get("features", {})
    settings = document.get("settings", {})
    app_home = features.get("app_home", {})
    name = document["display_information"]["name"]
    scopes = frozenset(document.get("oauth_config", {}).get("scopes", {}).get("bot", ()))
    commands = tuple(_command(each) for each in features.get("slash_commands", ()))
    if commands and "commands" not in scopes:
        raise ValueError(f"{path}: slash commands need the bot scope “commands”; add it.")
    return Manifest(
        name=name,
        bot_name=features.get("bot_user", {}).get("display_name", name),
        scopes=scopes,
        commands=commands,
        bot_events=frozenset(settings.get("event_subscriptions", {}).get("bot_events", ())),
        home_tab=bool(app_home.get("home_tab_enabled", False)),
        messages_tab=bool(app_home.get("messages_tab_enabled", True)),
        interactivity=bool(settings.get("interactivity", {}).get("is_enabled", False)),
    )


def _command(entry: dict[str, Any]) -> SlashCommand:
    return SlashCommand(
        command=entry["command"],
        description=entry.get("description", ""),
        usage_hint=entry.get("usage_hint", ""),
        should_escape=bool(entry.get("should_escape", False)),
    )
