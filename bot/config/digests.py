"""The table of patchbot.toml about digests."""

from __future__ import annotations

from collections import Counter
from typing import Self

from pydantic import Field, model_validator

from bot.config.members import Table
from bot.config.values import ChannelId, Text


class DigestsTable(Table):
    """Who gets a digest of their own nodes. When and where the others go is said in Slack: `/patch digest`."""

    owners: dict[Text, ChannelId] = Field(
        {},
        description="the channel for the part of a digest that is about the nodes of an owner, by the value of"
        " `owner_tag` (in whatever case)",
    )

    @model_validator(mode="after")
    def _each_owner_once(self) -> Self:
        for owner, times in Counter(name.casefold() for name in self.owners).items():
            if times > 1:
                raise ValueError(
                    f"owners: “{owner}” stands there {times} times: case makes no difference"
                )
        return self
