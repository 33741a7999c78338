"""How Slack says no: `ok: false` with one of its own error names."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]


class SlackError(Exception):
    """A refusal by Slack's own name, e.g. `channel_not_found`.

    `messages` are the detail lines of `response_metadata`; `fields` are further fields of the
    answer, e.g. `needed` and `provided` of `missing_scope`.
    """

    def __init__(self, error: str, *, messages: Sequence[str] = (), **fields: str) -> None:
        super().__init__(error, *messages)
        self.error = error
        self.messages = list(messages)
        self.fields = fields

    def body(self) -> Json:
        """Return the answer as the Web API writes it."""
        answer: Json = {"ok": False, "error": self.error, **self.fields}
        if self.messages:
            answer["response_metadata"] = {"messages": self.messages}
        return answer


def missing_field(name: str) -> SlackError:
    """Return the refusal of a call without a required argument."""
    return SlackError("invalid_arguments", messages=[f"[ERROR] missing required field: {name}"])
