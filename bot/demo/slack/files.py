"""Uploaded files: announced first, then filled, then shared (files.getUploadURLExternal and on)."""

import mimetypes
from dataclasses import dataclass

from bot.demo.slack.errors import SlackError
from bot.demo.slack.ids import Ids

PREVIEW_LINES = 8
PREVIEW_WIDTH = 200
_PICTURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_TEXT = frozenset({"application/json", "application/x-ndjson"})


@dataclass(slots=True)
class File:
    """One file; `content` is None until its bytes came, `shared_in` is where it can be read."""

    id: str
    name: str
    length: int
    ticket: str
    title: str = ""
    content: bytes | None = None
    completed: bool = False
    shared_in: str | None = None

    @property
    def mimetype(self) -> str:
        """What kind of file its name says it is."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def picture_type(self) -> str | None:
        """The type of a picture by its first bytes, whatever its name says; None for any other file."""
        content = self.content or b""
        return next((kind for start, kind in _PICTURES.items() if content.startswith(start)), None)

    def preview(self) -> list[str]:
        """Return the first lines of a text file, and nothing of any other."""
        if not (self.mimetype.startswith("text/") or self.mimetype in _TEXT):
            return []
        head = (self.content or b"")[: PREVIEW_LINES * PREVIEW_WIDTH * 4]
        lines = head.decode("utf-8-sig", errors="replace").splitlines()
        return [line[:PREVIEW_WIDTH] for line in lines[:PREVIEW_LINES]]


class Files:
    """All files of the run."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._files: dict[str, File] = {}

    def announce(self, name: str, length: int) -> File:
        """Return a new, empty file with the ticket under which its bytes are taken."""
        file = File(self._ids.new("F"), name, length, self._ids.secret())
        self._files[file.id] = file
        return file

    def receive(self, ticket: str, content: bytes) -> File:
        """Take the bytes of an announced file; raises SlackError file_not_found, length_mismatch."""
        for file in self._files.values():
            if file.ticket == ticket and file.content is None:
                if len(content) != file.length:
                    raise SlackError("length_mismatch")
                file.content = content
                return file
        raise SlackError("file_not_found")

    def complete(self, file_id: str, title: str | None) -> File:
        """Finish an upload; raises SlackError file_not_found when bytes or announcement lack."""
        file = self._files.get(file_id)
        if file is None or file.content is None or file.completed:
            raise SlackError("file_not_found")
        file.title = title or file.name
        file.completed = True
        return file

    def get(self, file_id: str) -> File:
        """Return a finished file; raises SlackError file_not_found."""
        file = self._files.get(file_id)
        if file is None or not file.completed:
            raise SlackError("file_not_found")
        return file
