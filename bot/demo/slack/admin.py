"""What a workspace admin does while the app runs: invite, kick, archive, deactivate, regroup."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.serving import BackgroundServer
from bot.demo.slack.workspace import Channel, User


class Admin:
    """Changes the workspace from another thread; each change is made when the call returns."""

    def __init__(self, live: LiveWorkspace, server: BackgroundServer) -> None:
        self._live = live
        self._server = server

    def kick_app(self, channel: str) -> None:
        """Remove the app from a channel."""
        self._change(lambda: self._live.channels[channel].members.discard(self._live.app.user_id))

    def invite_app(self, channel: str) -> None:
        """Add the app to a channel."""
        self._change(lambda: self._live.channels[channel].members.add(self._live.app.user_id))

    def add_member(self, channel: str, user: str) -> None:
        """Add a person to a channel."""
        self._change(lambda: self._live.channels[channel].members.add(user))

    def remove_member(self, channel: str, user: str) -> None:
        """Remove a person from a channel."""
        self._change(lambda: self._live.channels[channel].members.discard(user))

    def archive(self, channel: str) -> None:
        """Archive a channel."""

        def change() -> None:
            self._live.channels[channel].archived = True

        self._change(change)

    def share(self, channel: str, team: str) -> None:
        """Let another organisation into a channel (Slack Connect)."""

        def change() -> None:
            self._live.channels[channel].shared_with = (team,)

        self._change(change)

    def add_channel(self, channel: Channel) -> None:
        """Open a channel."""
        self._change(lambda: self._live.add_channel(channel))

    def delete_channel(self, channel: str) -> None:
        """Delete a channel and everything in it."""
        self._change(lambda: self._live.channels.pop(channel))

    def delete_message(self, channel: str, ts: str) -> None:
        """Delete a message, as an admin may."""

        def change() -> None:
            place = self._live.channels[channel]
            self._live.remove(place, place.messages[ts])

        self._change(change)

    def deactivate(self, user: str) -> None:
        """Deactivate an account."""
        self._change(lambda: self._live.change_user(user, deleted=True))

    def add_user(self, user: User) -> None:
        """Add an account."""
        self._change(lambda: self._live.users.update({user.id: user}))

    def set_usergroup(self, usergroup: str, users: Sequence[str]) -> None:
        """Replace the people of a user group."""

        def change() -> None:
            groups = self._live.usergroups
            groups[usergroup] = replace(groups[usergroup], users=tuple(users))

        self._change(change)

    def _change(self, change: Callable[[], object]) -> None:
        async def work() -> None:
            change()
            self._live.tell_reload(self._live.users)

        self._server.run(work)
