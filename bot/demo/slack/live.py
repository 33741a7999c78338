"""What is true in the local Slack now. One event loop owns it: nothing here is locked.

Lookups raise SlackError by Slack's own names; changes are told to the pages through the feed.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from bot.demo.slack.blocks import with_ids
from bot.demo.slack.conversations import Conversation, Message
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.feed import Feed
from bot.demo.slack.files import Files
from bot.demo.slack.ids import Ids
from bot.demo.slack.manifest import Manifest
from bot.demo.slack.modals import Modals
from bot.demo.slack.page_shapes import page_message
from bot.demo.slack.pictures import refuse_foreign_files
from bot.demo.slack.tickets import ResponseUrls, Triggers
from bot.demo.slack.workspace import Channel, User, UserGroup, Workspace


@dataclass(frozen=True, slots=True)
class App:
    """The app under test as an inhabitant of the workspace."""

    id: str
    bot_id: str
    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says, checked and ready to be posted."""

    text: str
    blocks: list[Json] | None = None
    metadata: Json | None = None


class LiveWorkspace:
    """People, channels, messages, views and files of one run."""

    def __init__(
        self,
        workspace: Workspace,
        manifest: Manifest,
        *,
        base_url: str,
        clock: Callable[[], float],
    ) -> None:
        self.team = workspace.team
        self.tz = workspace.tz
        self.tips = workspace.tips
        self.manifest = manifest
        self.base_url = base_url
        self.clock = clock
        self.ids = Ids(clock)
        self.feed = Feed()
        self.modals = Modals(self.ids, self.feed)
        self.triggers = Triggers(self.ids, clock)
        self.response_urls = ResponseUrls(self.ids, clock)
        self.files = Files(self.ids)
        self.app = App(self.ids.new("A"), self.ids.new("B"), self.ids.new("U"), manifest.bot_name)
        bot = User(self.app.user_id, manifest.name.lower(), manifest.bot_name, "App", is_bot=True)
        self.users: dict[str, User] = {each.id: each for each in (*workspace.users, bot)}
        self.usergroups: dict[str, UserGroup] = {each.id: each for each in workspace.usergroups}
        self.channels: dict[str, Conversation] = {}
        for channel in workspace.channels:
            self.add_channel(channel)
        for user in workspace.users:
            if not (user.deleted or user.is_bot or self.is_stranger(user)):
                self.direct_message(user.id)

    # People

    def user(self, user_id: str) -> User:
        """Return an account; raises SlackError user_not_found."""
        user = self.users.get(user_id)
        if user is None:
            raise SlackError("user_not_found")
        return user

    def team_of(self, user: User) -> str:
        """Return the team id of `user`."""
        return user.team_id or self.team.id

    def is_stranger(self, user: User) -> bool:
        """Whether `user` is of another team."""
        return self.team_of(user) != self.team.id

    def change_user(self, user_id: str, **changes: bool | str) -> None:
        """Change fields of an account, e.g. `deleted=True`."""
        self.users[user_id] = replace(self.user(user_id), **changes)  # type: ignore[arg-type]
        self.tell_reload(self.users)

    # Channels

    def add_channel(self, channel: Channel) -> None:
        """Open a channel."""
        members = set(channel.members)
        if channel.app_is_member:
            members.add(self.app.user_id)
        self.channels[channel.id] = Conversation(
            id=channel.id,
            name=channel.name,
            kind=channel.kind,
            members=members,
            created=int(self.clock()),
            topic=channel.topic,
            shared_with=channel.shared_with,
            archived=channel.archived,
        )

    def channel_seen_by_app(self, channel_id: str) -> Conversation:
        """Return a channel that the app may know of; raises SlackError channel_not_found.

        Private channels and direct messages without the app do not exist for it.
        """
        channel = self.channels.get(channel_id)
        if channel is None:
            raise SlackError("channel_not_found")
        if channel.kind != "channel" and self.app.user_id not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def channel_of(self, channel_id: str, person: str) -> Conversation:
        """Return a channel that `person` is in; raises SlackError channel_not_found."""
        channel = self.channels.get(channel_id)
        if channel is None or person not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def direct_message(self, user_id: str) -> Conversation:
        """Return the direct message of the app with a person, opened where there is none.

        Raises SlackError user_not_found, user_disabled or cannot_dm_bot.
        """
        user = self.user(user_id)
        if user.deleted:
            raise SlackError("user_disabled")
        if user.is_bot:
            raise SlackError("cannot_dm_bot")
        for channel in self.channels.values():
            if channel.user == user_id:
                return channel
        opened = Conversation(
            id=self.ids.new("D"),
            name=self.app.name,
            kind="im",
            members={user_id, self.app.user_id},
            created=int(self.clock()),
            user=user_id,
        )
        self.channels[opened.id] = opened
        self.tell_reload((user_id,))
        return opened

    def tell_reload(self, people: Collection[str]) -> None:
        """Tell pages that people, channels or memberships changed."""
        self.feed.publish({"type": "channels"}, to=people)

    # Messages

    def post(
        self,
        channel: Conversation,
        content: Content,
        *,
        author: str | None = None,
        thread_ts: str | None = None,
        visible_to: str | None = None,
        files: Sequence[str] = (),
        broadcast: bool = False,
    ) -> Message:
        """Put a message into `channel`; without an author it is the app's.

        Raises SlackError invalid_blocks for a picture that the app has not uploaded.
        """
        refuse_foreign_files(self.files, content.blocks)
        message = Message(
            ts=self.ids.ts(),
            channel=channel.id,
            user=author or self.app.user_id,
            text=content.text,
            blocks=self._filled(content.blocks),
            thread_ts=thread_ts,
            visible_to=visible_to,
            by_app=author is None,
            broadcast=broadcast,
            metadata=content.metadata,
            files=tuple(files),
        )
        channel.messages[message.ts] = message
        self._tell(channel, message, "message")
        self._tell_parent(channel, message)
        return message

    def edit(self, channel: Conversation, message: Message, content: Content) -> None:
        """Replace what a message says; a change of plain text shows as edited, blocks do not. Raises as `post`."""
        refuse_foreign_files(self.files, content.blocks)
        message.edited = message.visible_to is None and (message.edited or not content.blocks)
        message.text = content.text
        message.blocks = self._filled(content.blocks)
        message.metadata = content.metadata or message.metadata
        self._tell(channel, message, "message_changed")

    def remove(self, channel: Conversation, message: Message) -> None:
        """Delete a message; one with replies stays as a tombstone, as in Slack."""
        if channel.replies(message.ts):
            message.text, message.blocks, message.system = "This message was deleted.", None, True
            message.files = ()
            self._tell(channel, message, "message_changed")
            return
        del channel.messages[message.ts]
        event = {"type": "message_deleted", "channel": channel.id, "ts": message.ts}
        self.feed.publish(event, to=channel.readers(message))
        self._tell_parent(channel, message)

    def _filled(self, blocks: list[Json] | None) -> list[Json] | None:
        return with_ids(blocks, self.ids.short) if blocks else None

    def _tell(self, channel: Conversation, message: Message, kind: str) -> None:
        event = {"type": kind, "message": page_message(self, channel, message)}
        self.feed.publish(event, to=channel.readers(message))

    def _tell_parent(self, channel: Conversation, message: Message) -> None:
        parent = channel.messages.get(message.thread_ts or "")
        if parent is not None and message.is_reply and message.visible_to is None:
            self._tell(channel, parent, "message_changed")
