"""auth.test, users.*, usergroups.* and team.info: who is who."""

from collections.abc import Callable

from bot.demo.slack.arguments import Arguments
from bot.demo.slack.errors import Json, SlackError
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.shapes import user_object, usergroup_object


def auth_test(live: LiveWorkspace, _args: Arguments) -> Json:
    """Say whose token it is."""
    return {
        "url": f"{live.base_url}/",
        "team": live.team.name,
        "user": live.users[live.app.user_id].name,
        "team_id": live.team.id,
        "user_id": live.app.user_id,
        "bot_id": live.app.bot_id,
        "is_enterprise_install": False,
    }


def user_info(live: LiveWorkspace, args: Arguments) -> Json:
    """Describe one user."""
    return {"user": user_object(live, live.user(args.required("user")))}


def list_users(live: LiveWorkspace, args: Arguments) -> Json:
    """List all users, deactivated ones too."""
    page, metadata = args.page(list(live.users.values()), default=1000, most=1000)
    return {
        "members": [user_object(live, user) for user in page],
        "cache_ts": int(live.clock()),
        "response_metadata": metadata,
    }


def list_usergroups(live: LiveWorkspace, args: Arguments) -> Json:
    """List the user groups, disabled ones only when asked for."""
    return {
        "usergroups": [
            usergroup_object(live, group, with_users=args.flag("include_users"))
            for group in live.usergroups.values()
            if group.enabled or args.flag("include_disabled")
        ]
    }


def list_usergroup_users(live: LiveWorkspace, args: Arguments) -> Json:
    """List the user ids of a group; raises SlackError no_such_subteam."""
    group = live.usergroups.get(args.required("usergroup"))
    if group is None or not (group.enabled or args.flag("include_disabled")):
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


def team_info(live: LiveWorkspace, _args: Arguments) -> Json:
    """Describe the home team."""
    return {"team": {"id": live.team.id, "name": live.team.name, "domain": live.team.domain}}


METHODS: dict[str, Callable[[LiveWorkspace, Arguments], Json]] = {
    "auth.test": auth_test,
    "users.info": user_info,
    "users.list": list_users,
    "usergroups.list": list_usergroups,
    "usergroups.users.list": list_usergroup_users,
    "team.info": team_info,
}
