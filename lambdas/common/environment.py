"""The environment contract: one class a function, instantiated by its stack and loaded by its handler."""

from __future__ import annotations

import os
from typing import Self

from pydantic import AfterValidator, BaseModel, ConfigDict


class Environment(BaseModel):
    """The environment variables of one function, as typed fields.

    The stack instantiates the class to fill the function's environment, and the handler loads the same class,
    so that a missing or misnamed variable is an error at synthesis and not at the first request.
    A field ``titles_table`` is the variable ``TITLES_TABLE``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    def variables(self) -> dict[str, str]:
        """Return the variables to deploy, by name."""
        return {name.upper(): str(value) for name, value in self.model_dump().items()}

    @classmethod
    def load(cls) -> Self:
        """Read the contract from this process's environment.

        Raises
        ------
        pydantic.ValidationError
            If a variable is missing or has the wrong type; the error names it.
        """
        present = {name: os.environ[name.upper()] for name in cls.model_fields if name.upper() in os.environ}
        return cls.model_validate(present)


def json_of(model: type[BaseModel]) -> AfterValidator:
    """Return what holds a variable to be the JSON of a model: what is not deployed cannot fail at a request."""

    def held(value: str) -> str:
        model.model_validate_json(value)
        return value

    return AfterValidator(held)
