"""Everything that can be asked about a message or a view offline: our own validator and two independent judges.

Tests that build a card end with `assert judge_message(card.text, card.blocks) == []`; for views there is
`judge_view`. An answer is a list of complaints, each with the name of who complains.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.chatops.limits import Problem, check_message, check_view
from tests.oracles import slack_schema, slackblocks_judge


def judge_message(text: str, blocks: Sequence[Mapping[str, Any]]) -> list[str]:
    """All complaints about a message; empty when it can be sent."""
    return [
        *_ours(check_message(text, blocks)),
        *slack_schema.complaints(blocks),
        *slackblocks_judge.complaints(text, blocks),
    ]


def judge_view(view: Mapping[str, Any]) -> list[str]:
    """All complaints about a modal or a Home tab; empty when it can be opened."""
    return [
        *_ours(check_view(view)),
        *slack_schema.view_complaints(view),
        *slackblocks_judge.view_complaints(view),
    ]


def _ours(problems: Sequence[Problem]) -> list[str]:
    return [
        f"patchbot: {problem.pointer} {problem.code}: {problem.message}" for problem in problems
    ]
