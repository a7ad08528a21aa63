"""Parsing at the border: whatever comes in is checked by a pydantic model, and errors name the field."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from lambdas.common.errors import FieldError, InvalidInputError

ModelT = TypeVar("ModelT", bound=BaseModel)


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """Return what `error` says, one entry a field, with dotted paths such as ``files.0.sha256``.

    The rejected values themselves are left out: they may be long, or secret.
    """
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return tuple(
        FieldError(
            field=".".join(str(part) for part in detail["loc"]),
            message=detail["msg"].removeprefix("Value error, "),
        )
        for detail in details
    )


def parse(model: type[ModelT], value: object) -> ModelT:
    """Return `value` as `model`.

    Raises
    ------
    InvalidInputError
        If it does not fit; the error names every field that is at fault.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidInputError(*field_errors(error)) from error


def parse_json(model: type[ModelT], raw: bytes) -> ModelT:
    """Return the JSON text `raw` as `model`.

    Raises
    ------
    InvalidInputError
        If it is not JSON or does not fit; the error names every field that is at fault.
    """
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise InvalidInputError(*field_errors(error)) from error
