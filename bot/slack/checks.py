"""What `patchbot doctor` looks at in Slack: tokens, scopes, the home workspace and the user groups of the policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slack_sdk.web import SlackResponse

from bot.core.errors import SlackError
from bot.core.rules import ChangeRules
from bot.core.wording import counted
from bot.services.doctor import Finding, Outcome
from bot.slack.api import SlackApi
from bot.slack.audience import Audience
from bot.slack.identity import Directory
from bot.slack.methods import APP_SCOPES, bot_scopes

_INVITE = "Invite it there (`/invite @patchbot`), or correct the id in patchbot.toml."


def check(
    api: SlackApi,
    directory: Directory,
    audience: Audience,
    *,
    app_token: str | None,
    home_team: str,
    rules: Sequence[ChangeRules] = (),
    channels: Sequence[str] = (),
) -> Iterator[Finding]:
    """Every finding about the Slack side; asks Slack, posts nothing. `app_token` is None where none is needed.

    `channels` are those of the configuration beside the ones in `rules`.
    """
    try:
        told = api.identify()
    except SlackError as error:
        yield Finding("bot token", Outcome.FAILED, error.message, error.hint)
        return
    yield Finding("bot token", Outcome.OK, f"works as @{told.get('user', '?')}")
    yield _home(told, home_team)
    yield _scopes(told)
    if app_token is not None:
        yield _app_token(api, app_token)
    yield from _groups(directory)
    wanted = (place for one in rules for place in (one.asks_in, one.channel))
    yield from _channels(api, audience, (*wanted, *channels))
    for one in rules:
        yield from _approvers(api, one)


def _home(told: SlackResponse, home_team: str) -> Finding:
    team = str(told.get("team_id", ""))
    if home_team and team != home_team:
        return Finding(
            "home workspace",
            Outcome.FAILED,
            f"the token belongs to {team}, the configuration says {home_team}",
            "Use the token of the home workspace or correct the configuration.",
        )
    return Finding("home workspace", Outcome.OK, f"{told.get('team', '?')} ({team})")


def _scopes(told: SlackResponse) -> Finding:
    """Slack names the scopes of a token in a header of every answer (Slack, “Using the Web API”)."""
    headers = {name.lower(): value for name, value in told.headers.items()}
    granted = {scope.strip() for scope in str(headers.get("x-oauth-scopes", "")).split(",")} - {""}
    if not granted:
        return Finding("scopes", Outcome.WARNING, "Slack did not say which scopes the token has")
    missing = [scope for scope in bot_scopes() if scope not in granted]
    if missing:
        return Finding(
            "scopes",
            Outcome.FAILED,
            f"missing: {', '.join(missing)}",
            "Update the app from manifest.yml, install it again and set the new token.",
        )
    return Finding("scopes", Outcome.OK, f"all {len(bot_scopes())} granted")


def _app_token(api: SlackApi, app_token: str) -> Finding:
    if not app_token:
        return Finding(
            "app token",
            Outcome.WARNING,
            "not set: Socket Mode cannot be used",
            f"Set SLACK_APP_TOKEN (scope {', '.join(APP_SCOPES)}), or serve in HTTP mode.",
        )
    try:
        api.open_connection(app_token)
    except SlackError as error:
        return Finding("app token", Outcome.FAILED, error.message, error.hint)
    return Finding("app token", Outcome.OK, "may open Socket Mode connections")


def _groups(directory: Directory) -> Iterator[Finding]:
    """A group that cannot be read gives nobody a role: that fails closed, and has to be seen."""
    reasons = {
        "no_such_subteam": "Correct the id in patchbot.toml: there is no such user group.",
        "plan_upgrade_required": "User groups need a paid plan: name users instead.",
        "missing_scope": "Update the app from manifest.yml and install it again.",
    }
    unread = directory.unread_groups()
    for group, reason in unread.items():
        yield Finding(
            f"user group {group}",
            Outcome.WARNING,
            f"cannot be read ({reason}); nobody gets a role by it",
            reasons.get(reason, "Try again in a minute."),
        )


def _channels(api: SlackApi, audience: Audience, places: Sequence[str]) -> Iterator[Finding]:
    """Whether cards can be posted where the configuration wants them, and nobody else reads along."""
    for place in dict.fromkeys(one for one in places if one):
        subject = f"channel {place}"
        try:
            told = api.channel(place)
            outsiders = audience.outsiders(place)
        except SlackError as error:
            unseen = error.code == "channel_not_found"
            why = "patchbot does not see it" if unseen else error.message
            outcome = Outcome.FAILED if unseen else Outcome.WARNING
            yield Finding(subject, outcome, why, _INVITE if unseen else error.hint)
            continue
        if told.get("is_archived"):
            hint = "Name another channel in patchbot.toml."
            yield Finding(subject, Outcome.FAILED, "is archived", hint)
        elif not told.get("is_member"):
            yield Finding(subject, Outcome.FAILED, "patchbot is not in it", _INVITE)
        elif outsiders:
            hint = "Name a channel of your own: cards name nodes and what they lack."
            yield Finding(subject, Outcome.FAILED, f"is shared with {outsiders}", hint)
        else:
            yield Finding(subject, Outcome.OK, "patchbot can post there")


def _approvers(api: SlackApi, rules: ChangeRules) -> Iterator[Finding]:
    """Whether enough different people can approve, user groups counted person by person."""
    if not rules.approvers.usergroups or rules.approvers.everyone:
        return
    people = set(rules.approvers.users)
    try:
        for group in rules.approvers.usergroups:
            people |= api.group_members(group)
    except SlackError:
        return  # said of the group itself
    subject = f"approvers of {rules.environment}"
    needed = rules.approvals
    told = f"{counted(len(people), 'person', 'people')}, {counted(needed, 'approval')} needed"
    hint = "Add people to the user group, or ask for fewer approvals."
    if len(people) < needed:
        yield Finding(subject, Outcome.FAILED, told, hint)
    elif rules.protected and len(people) == needed:
        alone = f"{told}: none of them can get a change of their own approved"
        yield Finding(subject, Outcome.WARNING, alone, hint)
    else:
        yield Finding(subject, Outcome.OK, told)
