"""What every table of patchbot.toml is, and the one kind of value that names people."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, model_validator

from bot.config.values import UserGroupId, UserId
from bot.core import identity


class Table(BaseModel):
    """A table of patchbot.toml: nothing unknown in it, nothing changes after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Members(Table):
    """Whom a role is given to: `"everyone"`, or users and user groups by their Slack ids."""

    users: tuple[UserId, ...] = Field((), description="Slack users by id")
    usergroups: tuple[UserGroupId, ...] = Field((), description="Slack user groups by id")
    everyone: bool = Field(False, exclude=True)  # what the word becomes; not a key of its own

    @model_validator(mode="wrap")
    @classmethod
    def _from_word(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Any:
        if given == "everyone":
            return EVERYONE
        if not isinstance(given, dict | Members) or "everyone" in given:
            raise ValueError(
                'is not understood. Write "everyone", or users and user groups by id:'
                ' { users = ["U0123ABCD"], usergroups = ["S0123ABCD"] }'
            )
        return handler(given)

    def as_core(self) -> identity.Members:
        """As the access policy takes it."""
        return identity.Members(self.everyone, frozenset(self.users), frozenset(self.usergroups))


EVERYONE = Members.model_construct(everyone=True)
