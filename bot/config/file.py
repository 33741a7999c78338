"""Finds and reads patchbot.toml. Every mistake in it is told at once, each with its place and what to write instead."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.config.mistakes import Mistake, forbidden_secrets, mistakes
from bot.config.tables import Settings
from bot.core.errors import ConfigurationError

DEFAULT = Path("patchbot.toml")
EXAMPLE = """\
[environments.prod]
regions = ["eu-central-1"]
tags = { Environment = "prod" }"""


def load_settings(
    path: Path | None = None, *, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings in `path`, else in $PATCHBOT_CONFIG, else in ./patchbot.toml.

    $PATCHBOT_DATA_DIR wins over `data_dir`. Raises ConfigurationError.
    """
    environ = os.environ if environ is None else environ
    found = _find(path, environ)
    document = _parse(found)
    wrong = list(forbidden_secrets(document))
    if not wrong:
        try:
            settings = Settings.model_validate(document)
        except ValidationError as error:
            wrong = mistakes(error)
    if wrong:
        raise _told(found, wrong)
    data = Path(environ.get("PATCHBOT_DATA_DIR") or found.parent / settings.data_dir.expanduser())
    return settings.model_copy(update={"path": found, "data_dir": data.absolute()})


def _find(path: Path | None, environ: Mapping[str, str]) -> Path:
    named = path or Path(environ.get("PATCHBOT_CONFIG") or DEFAULT)
    found = named.expanduser().absolute()
    if found.is_file():
        return found
    source = (
        "--config" if path else "PATCHBOT_CONFIG" if environ.get("PATCHBOT_CONFIG") else "default"
    )
    raise ConfigurationError(
        f"There is no configuration file {found} ({source}).",
        hint="Name one with --config or PATCHBOT_CONFIG, or make patchbot.toml here; this is enough to start:\n\n"
        f"{EXAMPLE}\n\ndocs/configuration.md has every key.",
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{path} is not valid TOML: {error}.",
            hint="Texts stand in quotes, lists in [ ], tables in { } on one line.",
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text.", hint="Save it as UTF-8.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}.", hint="Check who may read it."
        ) from None


def _told(path: Path, wrong: list[Mistake]) -> ConfigurationError:
    if len(wrong) == 1:
        return ConfigurationError(f"{path}: {wrong[0].text}", hint=wrong[0].hint)
    return ConfigurationError(
        f"{path} has {len(wrong)} mistakes:",
        hint="".join(f"\n- {one.text} {one.hint}".rstrip() for one in wrong),
    )
