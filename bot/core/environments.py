"""What an environment is: where its managed nodes live and how they are picked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

UNKNOWN_ACCOUNT = "self"
"""By what the nodes of an account go whose id nobody could tell."""


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account. `id` is empty for the credentials' own account.

    `role` is assumed for reading, `install_role` only after an approval; `external_id` goes with both.
    """

    id: str = ""
    role: str = ""
    install_role: str = ""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One account in one Region: the unit that is read, paced and can fail on its own."""

    account: Account
    region: str

    def __str__(self) -> str:
        return f"{self.account.id}/{self.region}" if self.account.id else self.region


@dataclass(frozen=True, slots=True)
class Selector:
    """Which managed nodes of a target belong to the environment.

    With neither tags nor patch groups: every managed node there, hybrid ones (mi-…) too.
    Several tags must all match; the values of one tag are alternatives.
    """

    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patch_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """A named part of the fleet, as people speak of it: prod, staging, dev."""

    name: str
    targets: tuple[Target, ...]
    selector: Selector = field(default_factory=Selector)
    stale_after: timedelta = timedelta(days=7)
    owner_tag: str = "Owner"
    protected: bool = False
