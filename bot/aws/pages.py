"""Follows a chain of pages to its end, and never round in circles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bot.aws.calls import Call, Steps
from bot.core.errors import AwsError

MOST_PAGES = 5000  # 5,000,000 nodes: beyond that it is no fleet but a server that never ends


def pages(
    first: Call, members: str, each: Callable[[list[Mapping[str, Any]]], None]
) -> Steps[None]:
    """Call, and call again while AWS gives a token; `each` gets the `members` of every page.

    A page may be empty and carry a token; an empty token is the end. Raises AwsError when a token comes twice.
    """
    call, seen = first, set[str]()
    while True:
        answer = yield call
        each(answer.get(members) or [])
        token = answer.get("NextToken") or ""
        if not token:
            return
        if token in seen or len(seen) >= MOST_PAGES:
            what = "gave the same page token twice" if token in seen else "never ends"
            raise AwsError(
                f"The list of {first.service}:{first.operation} {what}; it was given up.",
                code="RepeatedToken",
                operation=f"{first.service}:{first.operation}",
                hint="Try again; if it stays so, tell AWS support, or check AWS_ENDPOINT_URL.",
            )
        seen.add(token)
        call = replace(first, arguments={**first.arguments, "NextToken": token})
