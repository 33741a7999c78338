"""What a mistyped sentence was meant to be: whole, so that one click asks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.chatops.grammar import Sentence, format_sentence
from bot.chatops.suggest import closest
from bot.core.errors import Candidate
from bot.core.figures import BREAKDOWNS, Judged, platform
from bot.core.selection import EVERY_STATE, Filter
from bot.core.summaries import FILTER_WORDS, short_platform
from bot.core.wording import listed

VALUES_NAMED = 5
LONGEST = 300  # longer sentences are not offered: nobody can check them at a glance


def command(sentence: Sentence, meant: str | None) -> tuple[Candidate, ...]:
    """The sentence with another command; nothing where none was meant."""
    return _offered(replace(sentence, command=meant)) if meant else ()


def value(sentence: Sentence, typed: str, meant: str | None) -> tuple[Candidate, ...]:
    """The sentence with another word or value of an option in the place of `typed`."""
    if not meant:
        return ()
    words = tuple(meant if word == typed else word for word in sentence.words)
    options = tuple((key, meant if given == typed else given) for key, given in sentence.options)
    return _offered(replace(sentence, words=words, options=options))


def environment(sentence: Sentence, names: Iterable[str]) -> tuple[Candidate, ...]:
    """The sentence with each environment as its last word."""
    return tuple(
        candidate
        for name in names
        for candidate in _offered(replace(sentence, words=(*sentence.words, name)))
    )


def option(sentence: Sentence, typed: str, meant: str | None) -> tuple[Candidate, ...]:
    """The sentence with another option in the place of the one called `typed`."""
    if not meant or meant in dict(sentence.options):
        return ()
    options = tuple((meant if key == typed else key, given) for key, given in sentence.options)
    return _offered(replace(sentence, options=options))


def unmatched(given: Mapping[str, str], judged: Sequence[Judged]) -> dict[str, str]:
    """Owner, group, os, … of which no node has the given value, with the values there are, the usual ones first."""
    found = {}
    for name in filter(given.get, FILTER_WORDS):
        if any(Filter(state=EVERY_STATE, **{name: given[name]}).matches(one) for one in judged):
            continue
        values = Counter(
            short_platform(platform(one)) if name == "os" else BREAKDOWNS[name](one)
            for one in judged
        )
        named = [value for value, _ in values.most_common(VALUES_NAMED)]
        more = len(values) - len(named)
        found[name] = listed([*named, f"{more:,} more" if more else ""])
    return found


def filters(
    given: Mapping[str, str], names: Iterable[str], judged: Sequence[Judged]
) -> dict[str, str]:
    """The nearest values that nodes have, for the filters called `names`."""
    meant = {}
    for name in names:
        nearest = closest(
            given[name], sorted({word for one in judged for word in _values(name, one)})
        )
        if nearest:
            meant[name] = nearest
    return meant


def _values(name: str, one: Judged) -> Iterable[str]:
    """What the filter could be for this node: for `os` every beginning of the platform's name, word by word."""
    if name != "os":
        return (BREAKDOWNS[name](one),)
    words = platform(one).split()
    return (" ".join(words[:end]) for end in range(1, len(words) + 1))


def _offered(meant: Sentence) -> tuple[Candidate, ...]:
    text = format_sentence(meant)
    return (Candidate(text, text),) if len(text) <= LONGEST else ()
