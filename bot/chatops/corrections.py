"""What a mistyped sentence was meant to be: whole, so that one click asks it."""

from __future__ import annotations

from dataclasses import replace

from bot.chatops.grammar import Sentence, format_sentence
from bot.core.errors import Candidate

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


def option(sentence: Sentence, typed: str, meant: str | None) -> tuple[Candidate, ...]:
    """The sentence with another option in the place of the one called `typed`."""
    if not meant or meant in dict(sentence.options):
        return ()
    options = tuple((meant if key == typed else key, given) for key, given in sentence.options)
    return _offered(replace(sentence, options=options))


def _offered(meant: Sentence) -> tuple[Candidate, ...]:
    text = format_sentence(meant)
    return (Candidate(text, text),) if len(text) <= LONGEST else ()
