"""Arguments: from a sentence to values, and from a mistake to a sentence that helps."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field

from bot.chatops.arguments import Arguments, EnvironmentName, OneOf
from bot.chatops.grammar import parse
from bot.core.errors import UsageError

ENVIRONMENTS = ("prod", "staging", "dev")


class Sample(Arguments):
    WORDS: ClassVar[tuple[str, ...]] = ("environment", "node")

    environment: Annotated[str, EnvironmentName()] = Field(description="where")
    node: str | None = Field(None, max_length=10)
    by: Literal["os", "owner"] | None = None
    state: Annotated[str, OneOf(("all", "non_compliant", "a", "b", "c", "d", "e"))] = "all"
    page: int = Field(1, ge=1, le=9_000)
    refresh: bool = Field(False, description="again")


def bound(text: str, environments: tuple[str, ...] = ENVIRONMENTS) -> Sample:
    return Sample.bind(parse(text, keys=Sample.option_keys()), environments)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x prod", {"environment": "prod"}),
        ("x PROD web REFRESH", {"environment": "prod", "node": "web", "refresh": True}),
        ("x refresh prod by:OS page:3", {"environment": "prod", "by": "os", "page": 3, "refresh": True}),
        ("x prod state:Non-Compliant", {"environment": "prod", "state": "non_compliant"}),
        ("x environment:dev", {"environment": "dev"}),
    ],
)  # fmt: skip
def test_words_options_and_flags(text: str, values: dict[str, object]) -> None:
    """In any order and any case; a word may also be given by its name."""
    assert bound(text) == Sample.model_validate(values)


def test_the_only_environment_need_not_be_named() -> None:
    """Where there is one, everybody means that one."""
    assert bound("x", ("prod",)).environment == "prod"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "“x” needs an environment: prod, staging or dev."),
        (
            "x prdo",
            "There is no environment “prdo”. Did you mean “prod”? Environments: prod, staging, dev.",
        ),
        ("x prod web extra", "I don't know what to do with “extra” here."),
        ("x prod colour:red", "“x” has no option “colour:”."),
        ("x prod stat:all", "“x” has no option “stat:”. Did you mean “state”?"),
        ("x prod by:osx", "“by:osx” is not possible. Did you mean “os”? Possible: os, owner."),
        ("x prod by:", "“by:” has no value."),
        ("x prod page:two", "“page:two” is not a whole number."),
        ("x prod page:0", "“page:0” is too small; the least is 1."),
        ("x prod page:9001", "“page:9001” is too large; the most is 9,000."),
        ("x prod abcdefghijk", "“node:” is longer than 10 characters."),
        ("x prod environment:dev", "“x” has two values for environment: “prod” and “dev”."),
    ],
)
def test_a_mistake_says_what_was_wrong_and_what_is_allowed(text: str, said: str) -> None:
    """And always what to do next."""
    with pytest.raises(UsageError) as caught:
        bound(text)
    assert str(caught.value).startswith(said)
    assert caught.value.hint


def test_the_usage_line_comes_from_the_model() -> None:
    """Needed words in <>, the rest in []; long lists of words are shortened, for a glance."""
    assert Sample.usage() == (
        "<environment> [node] [by:os|owner] [state:all|non_compliant|a|…] [page:<number>] [refresh]"
    )
    assert Sample.option_keys() == ("by", "state", "page")
    assert Sample.flags() == ("refresh",)


def test_help_gets_every_choice_and_description() -> None:
    """What the usage line shortens stands in the description."""
    described = {one.form: one for one in Sample.described()}
    assert described["<environment>"].description == "where"
    assert len(described["[state:all|non_compliant|a|…]"].choices) == 7
