"""patchbot.toml and the secrets: what is decided stands in the file, what is secret in the environment."""

from bot.config.file import load_settings
from bot.config.tables import Settings

__all__ = ["Settings", "load_settings"]
