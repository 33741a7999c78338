"""Channels and their messages while the local Slack runs: who is in, who may see what."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.demo.slack.errors import Json

Kind = Literal["channel", "private", "im"]


@dataclass(slots=True)
class Message:
    """One message. `visible_to` is the only reader of an ephemeral one."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] | None = None
    thread_ts: str | None = None
    visible_to: str | None = None
    by_app: bool = False
    edited: bool = False
    broadcast: bool = False
    system: bool = False
    metadata: Json | None = None
    files: tuple[str, ...] = ()

    @property
    def is_reply(self) -> bool:
        """Whether it stands in a thread below another message."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    def seen_by(self, person: str) -> bool:
        """Whether `person`, being in the channel, sees it."""
        return self.visible_to is None or self.visible_to == person


@dataclass(slots=True)
class Conversation:
    """A channel, private channel or direct message with the app (`user` is its person)."""

    id: str
    name: str
    kind: Kind
    members: set[str]
    created: int
    topic: str = ""
    user: str | None = None
    shared_with: tuple[str, ...] = ()
    archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    def lasting(self) -> list[Message]:
        """Return the messages that are kept, oldest first: all but the ephemeral ones."""
        return [each for each in self.messages.values() if each.visible_to is None]

    def replies(self, ts: str) -> list[Message]:
        """Return the lasting replies to the message `ts`, oldest first."""
        return [each for each in self.lasting() if each.is_reply and each.thread_ts == ts]

    def top_level(self) -> Iterator[Message]:
        """Yield what stands in the channel itself, oldest first."""
        return (each for each in self.messages.values() if not each.is_reply or each.broadcast)

    def readers(self, message: Message) -> Sequence[str]:
        """Return who sees `message`."""
        if message.visible_to is not None:
            return (message.visible_to,)
        return tuple(self.members)
