"""Accounts: what a viewer pays for, where the viewer is at home, and who watches."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from lambdas.common.errors import FieldError, InvalidInputError
from lambdas.common.media import Age, Record, Slug, Territory, Tier
from lambdas.common.parsing import parse

MAX_PROFILES = 5
MAX_STREAMS = 8


class Plan(Record):
    """What an account may do."""

    name: Slug
    streams: Annotated[int, Field(ge=1, le=MAX_STREAMS, description="devices that may play at the same time")]
    top_tier: Tier
    offline_s: Annotated[
        int, Field(ge=0, le=30 * 86_400, description="how long a licence lasts that a device keeps; 0: there are none")
    ] = 0


class Plans(Record):
    """The plans there are, and what a viewer has who has no record."""

    plans: tuple[Plan, ...]
    default_plan: Slug
    default_territory: Territory

    @model_validator(mode="after")
    def _the_default_is_one_of_them(self) -> Self:
        self.named(self.default_plan)
        return self

    def named(self, name: str) -> Plan:
        """Return a plan.

        Raises
        ------
        ValueError
            If there is none of this name.
        """
        for plan in self.plans:
            if plan.name == name:
                return plan
        message = f"there is no plan {name!r}: there are {', '.join(plan.name for plan in self.plans)}"
        raise ValueError(message)


class Profile(Record):
    """One of those who watch on an account."""

    profile_id: Slug
    name: Annotated[str, Field(min_length=1, max_length=50)]
    max_age: Age | None = Field(default=None, description="the highest rating that it may see; none: every one")


class Account(Record):
    """A viewer's account, by the subject of the viewer's tokens."""

    viewer_id: str
    plan: Slug
    territory: Territory = Field(description="the viewer's home: rights are asked there, wherever the viewer is")
    profiles: Annotated[tuple[Profile, ...], Field(max_length=MAX_PROFILES)] = ()

    @model_validator(mode="after")
    def _profiles_differ(self) -> Self:
        if len({profile.profile_id for profile in self.profiles}) != len(self.profiles):
            message = "a profile stands twice"
            raise ValueError(message)
        return self

    def profile(self, profile_id: str | None) -> Profile | None:
        """Return a profile; none, if none is named: then the account's holder watches.

        Raises
        ------
        InvalidInputError
            If the account has no such profile.
        """
        if profile_id is None:
            return None
        for profile in self.profiles:
            if profile.profile_id == profile_id:
                return profile
        raise InvalidInputError(FieldError("profile_id", "the account has no such profile"))


class AccountChange(Record):
    """What an operator changes of an account; what is left out stays."""

    plan: Slug | None = None
    territory: Territory | None = None
    profiles: tuple[Profile, ...] | None = None

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.model_fields_set)


def changed(account: Account, *, change: AccountChange, plans: Plans) -> Account:
    """Return `account` after `change`.

    Raises
    ------
    InvalidInputError
        If there is no such plan, or a profile stands twice.
    """
    if change.plan is not None and change.plan not in {plan.name for plan in plans.plans}:
        names = ", ".join(plan.name for plan in plans.plans)
        raise InvalidInputError(FieldError("plan", f"there is none of this name: there are {names}"))
    return parse(Account, {**account.model_dump(), **change.model_dump(exclude_none=True)})


def account_of(viewer_id: str, *, kept: Account | None, plans: Plans) -> Account:
    """Return a viewer's account; who has no record has the default plan, at the default place."""
    return kept or Account(viewer_id=viewer_id, plan=plans.default_plan, territory=plans.default_territory)
