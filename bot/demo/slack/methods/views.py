"""views.*: modals and the Home tab."""

from collections.abc import Callable

from bot.demo.slack.arguments import Arguments
from bot.demo.slack.content import checked_view
from bot.demo.slack.errors import Json, SlackError, missing_field
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.pictures import refuse_foreign_files
from bot.demo.slack.shapes import view_object


def open_view(live: LiveWorkspace, args: Arguments) -> Json:
    """Open a modal for the person of the trigger."""
    trigger_id = args.required("trigger_id")
    content = _content(live, args, "modal")
    trigger = live.triggers.redeem(trigger_id)
    return {"view": view_object(live, live.modals.open(trigger.user, content))}


def push_view(live: LiveWorkspace, args: Arguments) -> Json:
    """Put a modal over the one in which the trigger was given."""
    trigger_id = args.required("trigger_id")
    content = _content(live, args, "modal")
    trigger = live.triggers.redeem(trigger_id)
    if trigger.view_id is None:
        raise SlackError("invalid_trigger_id")
    return {"view": view_object(live, live.modals.push(trigger.user, content))}


def update_view(live: LiveWorkspace, args: Arguments) -> Json:
    """Change an open modal, found by view_id or external_id."""
    if "view_id" in args:
        view = live.modals.get(args.string("view_id"))
    elif "external_id" in args:
        view = live.modals.by_external_id(args.string("external_id"))
    else:
        raise missing_field("view_id")
    content = _content(live, args, view.kind)
    expected = args.string("hash") or None
    return {"view": view_object(live, live.modals.update(view, content, expected_hash=expected))}


def publish_view(live: LiveWorkspace, args: Arguments) -> Json:
    """Set the Home tab of one person."""
    user = live.user(args.required("user_id"))
    if not live.manifest.home_tab:
        raise SlackError("not_enabled")
    content = _content(live, args, "home")
    expected = args.string("hash") or None
    view = live.modals.publish_home(user.id, content, expected_hash=expected)
    return {"view": view_object(live, view)}


def _content(live: LiveWorkspace, args: Arguments, kind: str) -> Json:
    view = checked_view(args.structured("view"), kind=kind)
    refuse_foreign_files(live.files, view["blocks"], at="/view")
    return view


METHODS: dict[str, Callable[[LiveWorkspace, Arguments], Json]] = {
    "views.open": open_view,
    "views.push": push_view,
    "views.update": update_view,
    "views.publish": publish_view,
}
