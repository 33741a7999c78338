"""What a person's typed text becomes: entities, mentions and links, as Slack writes them down.

Source: api.slack.com, "Formatting text" and the `should_escape` setting of slash commands.
"""

import re

from bot.demo.slack.live import LiveWorkspace

_URL = re.compile(r"\bhttps?://[^\s<>|]+")
_NAME = re.compile(r"(?<![\w<|/&])([@#])(\w(?:[\w.-]*\w)?)")


def escape_entities(text: str) -> str:
    """Return `text` with the three signs escaped that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def with_mentions(live: LiveWorkspace, text: str, *, labels: bool) -> str:
    """Return typed text with links and the known @people, @groups and #channels as ids.

    `labels` adds the name after the id, as a slash command with should_escape gets it.
    """

    def mention(match: re.Match[str]) -> str:
        sign, name = match.groups()
        found = _person(live, name) if sign == "@" else _channel(live, name)
        if found is None:
            return match.group(0)
        return f"<{found}|{name}>" if labels else f"<{found}>"

    def outside_links(part: str) -> str:
        return _NAME.sub(mention, part)

    pieces, position = [], 0
    escaped = escape_entities(text)
    for url in _URL.finditer(escaped):
        pieces += [outside_links(escaped[position : url.start()]), f"<{url.group(0)}>"]
        position = url.end()
    pieces.append(outside_links(escaped[position:]))
    return "".join(pieces)


def _person(live: LiveWorkspace, name: str) -> str | None:
    for user in live.users.values():
        if user.name == name and not user.deleted:
            return f"@{user.id}"
    for group in live.usergroups.values():
        if group.handle == name and group.enabled:
            return f"!subteam^{group.id}"
    return None


def _channel(live: LiveWorkspace, name: str) -> str | None:
    for channel in live.channels.values():
        if channel.kind != "im" and channel.name == name:
            return f"#{channel.id}"
    return None
