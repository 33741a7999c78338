"""Which scopes a Web API method needs (api.slack.com/methods, "Required scopes" of each method)."""

from collections.abc import Iterable, Mapping

from bot.demo.slack.errors import SlackError
from bot.demo.slack.manifest import Manifest

# Any one of a method's scopes is enough; methods that are not here need none. Methods on
# conversations ask by the kind of channel (`conversation_scope`).
METHOD_SCOPES: Mapping[str, tuple[str, ...]] = {
    "chat.postMessage": ("chat:write",),
    "chat.update": ("chat:write",),
    "chat.delete": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "conversations.list": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.info": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.members": ("channels:read", "groups:read", "im:read", "mpim:read"),
    "conversations.history": ("channels:history", "groups:history", "im:history", "mpim:history"),
    "conversations.replies": ("channels:history", "groups:history", "im:history", "mpim:history"),
    "conversations.open": ("im:write", "mpim:write", "channels:manage", "groups:write"),
    "conversations.join": ("channels:join",),
    "users.info": ("users:read",),
    "users.list": ("users:read",),
    "usergroups.list": ("usergroups:read",),
    "usergroups.users.list": ("usergroups:read",),
    "files.getUploadURLExternal": ("files:write",),
    "files.completeUploadExternal": ("files:write",),
    "team.info": ("team:read",),
}
_PREFIX = {"channel": "channels", "private": "groups", "im": "im"}


def require_scopes(manifest: Manifest, method: str) -> None:
    """Raise SlackError missing_scope when the manifest has none of the scopes of `method`."""
    require_any(manifest, METHOD_SCOPES.get(method, ()))


def conversation_scope(manifest: Manifest, kind: str, right: str) -> None:
    """Require e.g. `groups:read` for a private channel; raises SlackError missing_scope."""
    require_any(manifest, (f"{_PREFIX[kind]}:{right}",))


def require_any(manifest: Manifest, scopes: Iterable[str]) -> None:
    """Raise SlackError missing_scope, with needed and provided, when none of `scopes` is there."""
    needed = tuple(scopes)
    if needed and not manifest.scopes.intersection(needed):
        raise SlackError(
            "missing_scope",
            needed=",".join(needed),
            provided=",".join(sorted(manifest.scopes)),
        )
