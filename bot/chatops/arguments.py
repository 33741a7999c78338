"""What a command takes, as a pydantic model: it is parser, validator, help and usage line at once."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from bot.chatops import corrections
from bot.chatops.grammar import Sentence
from bot.chatops.suggest import closest, did_you_mean
from bot.core.errors import UsageError
from bot.core.wording import listed


@dataclass(frozen=True, slots=True)
class EnvironmentName:
    """Marks a field that names a configured environment: `Annotated[str, EnvironmentName()]`."""


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a field that takes one of `words`, whatever the case: `Annotated[str, OneOf(STATES)]`."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Argument:
    """One thing a command takes, as its help shows it. `choices` is empty for free text."""

    form: str
    choices: tuple[str, ...] = ()
    description: str = ""


CHOICES_IN_USAGE = 6
"""A usage line is to be read at a glance; the help of the command lists the rest."""


class Arguments(BaseModel):
    """Base of every command's arguments.

    `WORDS` are the fields filled by bare words, in order. A `bool` field is a flag, set by its own bare name. All
    other fields are options, `key:value`. `Literal` and `OneOf` fields take one of their words, whatever the case.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    WORDS: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def option_keys(cls) -> tuple[str, ...]:
        """The fields that are given as `key:value`."""
        return tuple(
            name
            for name, field in cls.model_fields.items()
            if name not in cls.WORDS and not _is_flag(field)
        )

    @classmethod
    def flags(cls) -> tuple[str, ...]:
        """The fields that are set by their bare name."""
        return tuple(name for name, field in cls.model_fields.items() if _is_flag(field))

    @classmethod
    def usage(cls) -> str:
        """The arguments as a usage line: `<environment> [by:severity|os] [refresh]`."""
        return " ".join(argument.form for argument in cls.described())

    @classmethod
    def described(cls) -> tuple[Argument, ...]:
        """Every argument in the order of the usage line, with what it takes and its description."""
        return tuple(
            _described(name, cls.model_fields[name], word=name in cls.WORDS)
            for name in (*cls.WORDS, *cls.option_keys(), *cls.flags())
        )

    @classmethod
    def bind(cls, sentence: Sentence, environments: Sequence[str]) -> Self:
        """The arguments of `sentence`. Raises UsageError that names the word, what is allowed and what is next."""
        cls._one_environment(sentence, environments)
        values, options = cls._from_words(sentence), cls._from_options(sentence)
        for name in options:
            if name in values:
                raise UsageError(
                    f"“{sentence.command}” has two values for {name}: “{values[name]}” and “{options[name]}”.",
                    hint=cls._takes(),
                )
        values |= options
        for name, field in cls.model_fields.items():
            if _names_environment(field):
                values |= _environment(name, values.get(name), field, environments, sentence)
            elif name in values and isinstance(values[name], str):
                values[name] = _one_of(name, values[name], _choices(field), sentence)
        missing = [
            name
            for name in cls.WORDS
            if cls.model_fields[name].is_required() and name not in values
        ]
        if missing:
            raise cls._lacking(missing[0], sentence, environments)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            hint = f"`/patch help {sentence.command}` says what it takes."
            raise UsageError(_in_words(fault), hint=hint) from None

    @classmethod
    def _lacking(cls, name: str, sentence: Sentence, environments: Sequence[str]) -> UsageError:
        field = cls.model_fields[name]
        message = f"“{sentence.command}” needs {_article(name)}"
        if not _names_environment(field):
            examples = (f"`/patch {sentence.command} {one}`" for one in field.examples or ())
            hint = f"For example: {listed(examples, 'or')}" if field.examples else ""
            what = f": {field.description}" if field.description else ""
            return UsageError(f"{message}{what}.", hint=hint)
        return UsageError(
            f"{message}: {listed(environments, 'or')}.",
            hint=f"`/patch help {sentence.command}` says what else it takes.",
            candidates=corrections.environment(sentence, environments),
        )

    @classmethod
    def _takes(cls) -> str:
        """All that may be said, by name: what each takes is in the help."""
        words = [f"<{name}>" for name in cls.WORDS]
        options = [f"{name}:" for name in cls.option_keys()]
        return f"It takes {listed([*words, *options, *cls.flags()]) or 'nothing more'}."

    @classmethod
    def _one_environment(cls, sentence: Sentence, environments: Sequence[str]) -> None:
        words = [word for word in sentence.words if word.casefold() not in cls.flags()]
        named = [word for word in words if word.casefold() in environments]
        field = cls.model_fields.get("environment")
        if field is None or len(words) <= len(cls.WORDS) or len(named) < 2:
            return
        hint = f"Name none for all of them: `/patch {sentence.command}`"
        raise UsageError(
            f"One environment at a time: {listed((f'“{word}”' for word in named), 'or')}.",
            hint="" if field.is_required() else hint,
            candidates=corrections.environment(replace(sentence, words=()), named),
        )

    @classmethod
    def _from_words(cls, sentence: Sentence) -> dict[str, Any]:
        values: dict[str, Any] = {}
        open_words, flags = list(cls.WORDS), cls.flags()
        for word in sentence.words:
            if word.casefold() in flags:
                values[word.casefold()] = True
            elif open_words:
                values[open_words.pop(0)] = word
            else:
                raise UsageError(f"I don't know what to do with “{word}” here.", hint=cls._takes())
        return values

    @classmethod
    def _from_options(cls, sentence: Sentence) -> dict[str, Any]:
        allowed = {*cls.option_keys(), *cls.WORDS}
        for key, _ in sentence.options:
            if key not in allowed:
                hint = did_you_mean(key, cls.option_keys())
                meant = closest(key, cls.option_keys())
                raise UsageError(
                    f"“{sentence.command}” has no option “{key}:”.",
                    hint=f"{hint} {cls._takes()}".strip(),
                    candidates=corrections.option(sentence, key, meant),
                )
        for key, value in sentence.options:
            if not value:
                raise UsageError(
                    f"“{key}:” has no value.",
                    hint="Write one right behind the colon, or leave the option out.",
                )
        return dict(sentence.options)


def _is_flag(field: FieldInfo) -> bool:
    return field.annotation is bool


def _names_environment(field: FieldInfo) -> bool:
    return any(isinstance(mark, EnvironmentName) for mark in field.metadata)


def _choices(field: FieldInfo) -> tuple[str, ...]:
    """The words a Literal or OneOf field takes; empty for free text."""
    for mark in field.metadata:
        if isinstance(mark, OneOf):
            return mark.words
    annotation = field.annotation
    if get_origin(annotation) in {Union, types.UnionType}:
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    if get_origin(annotation) is not Literal:
        return ()
    return tuple(word for word in get_args(annotation) if word)


def _described(name: str, field: FieldInfo, *, word: bool) -> Argument:
    choices = _choices(field)
    if word:
        form = f"<{name}>" if field.is_required() else f"[{name}]"
    elif _is_flag(field):
        form = f"[{name}]"
    else:
        shown = choices if len(choices) <= CHOICES_IN_USAGE else (*choices[:3], "…")
        kind = "number" if field.annotation is int else "text"
        form = f"[{name}:{'|'.join(shown) or f'<{kind}>'}]"
    return Argument(form, choices, field.description or "")


def _in_words(fault: ErrorDetails) -> str:
    """What pydantic found wrong, said to a person."""
    name, value, limits = fault["loc"][0], fault["input"], fault.get("ctx", {})
    match fault["type"]:
        case "int_parsing":
            return f"“{name}:{value}” is not a whole number."
        case "greater_than_equal":
            return f"“{name}:{value}” is too small; the least is {limits['ge']}."
        case "less_than_equal":
            return f"“{name}:{value}” is too large; the most is {limits['le']:,}."
        case "string_too_long":
            return f"“{name}:” is longer than {limits['max_length']} characters."
        case "value_error":
            return str(limits["error"])
        case _:
            return f"“{name}:{value}” is not possible: {fault['msg']}."


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def _one_of(name: str, value: str, choices: tuple[str, ...], sentence: Sentence) -> str:
    if not choices:
        return value
    folded = value.casefold().replace("-", "_")
    if folded in choices:
        return folded
    given = value if value in sentence.words else f"{name}:{value}"
    raise UsageError(
        f"“{given}” is not possible.",
        hint=f"{did_you_mean(folded, choices)} Possible: {', '.join(choices)}.".strip(),
        candidates=corrections.value(sentence, value, closest(folded, choices)),
    )


def _environment(
    name: str,
    value: str | None,
    field: FieldInfo,
    environments: Sequence[str],
    sentence: Sentence,
) -> dict[str, str]:
    if value is None:
        # Where there is only one environment nobody should have to name it.
        return {name: environments[0]} if field.is_required() and len(environments) == 1 else {}
    folded = value.casefold()
    if folded in environments:
        return {name: folded}
    hint = did_you_mean(folded, environments)
    raise UsageError(
        f"There is no environment “{value}”.",
        hint=f"{hint} Environments: {', '.join(environments)}.".strip(),
        candidates=corrections.value(sentence, value, closest(folded, environments)),
    )
