"""The Web API methods, one file per family: each takes the live workspace and its arguments."""

from collections.abc import Callable, Mapping

from bot.demo.slack.arguments import Arguments
from bot.demo.slack.errors import Json
from bot.demo.slack.live import LiveWorkspace
from bot.demo.slack.methods import chat, conversations, files, people, views

Method = Callable[[LiveWorkspace, Arguments], Json]

METHODS: Mapping[str, Method] = {
    **chat.METHODS,
    **conversations.METHODS,
    **people.METHODS,
    **views.METHODS,
    **files.METHODS,
}
