"""Pictures in messages: image blocks with a `slack_file`, and who may see the file behind one.

Source: docs.slack.dev, "Slack file object": the app must have the file, and only png, jpg and gif are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.files import File, Files

if TYPE_CHECKING:
    from bot.demo.slack.live import LiveWorkspace


def refuse_foreign_files(files: Files, blocks: Sequence[Json] | None, *, at: str = "") -> None:
    """Raise SlackError invalid_blocks when an image block names what is no finished picture of the app's."""
    problems = []
    for number, block in enumerate(blocks or ()):
        for file_id in _shown(block):
            try:
                picture = files.get(file_id).picture_type is not None
            except SlackError:
                picture = False
            if not picture:
                where = f"{at}/blocks/{number}/slack_file"
                problems.append(f"[ERROR] invalid slack file [json-pointer:{where}]")
    if problems:
        raise SlackError("invalid_blocks", messages=problems)


def picture_for(live: LiveWorkspace, file_id: str, person: str) -> tuple[File, str]:
    """A picture that stands in something `person` sees, with its type; raises SlackError file_not_found."""
    file = live.files.get(file_id)
    if file.picture_type is None or not _sees(live, file, person):
        raise SlackError("file_not_found")
    return file, file.picture_type


def _sees(live: LiveWorkspace, file: File, person: str) -> bool:
    views = [*live.modals.stack(person), live.modals.home(person)]
    if any(file.id in _all_shown(view.blocks) for view in views if view is not None):
        return True
    return any(
        file.id == file_id
        for channel in live.channels.values()
        if person in channel.members
        for message in channel.messages.values()
        if message.seen_by(person)
        for file_id in (*message.files, *_all_shown(message.blocks or ()))
    )


def _all_shown(blocks: Iterable[Json]) -> list[str]:
    return [file_id for block in blocks for file_id in _shown(block)]


def _shown(block: Json) -> list[str]:
    return [str(block["slack_file"]["id"])] if "slack_file" in block else []
