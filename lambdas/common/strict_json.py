"""JSON from outside, taken at its word: what two parsers could read differently is refused."""

from __future__ import annotations

import json
import math
from typing import NoReturn

from lambdas.common.errors import MalformedBodyError


class MalformedJsonError(MalformedBodyError):
    """A text is not JSON, or it is ambiguous."""


def loads(raw: bytes | str) -> object:
    """Return the value that `raw`, JSON in UTF-8, stands for.

    Raises
    ------
    MalformedJsonError
        If it is not UTF-8 or not JSON; if parsers disagree about it, because an object has a key twice, a
        number is NaN or infinite, or a character is half; or if it is nested too deeply to be meant.
    """
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
        # An escape such as \ud800 alone is half a character: it parses, and can never be stored or sent.
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise MalformedJsonError(f"not UTF-8 at byte {error.start}") from error
    except UnicodeEncodeError as error:
        raise MalformedJsonError("an escape stands for half a character") from error
    except json.JSONDecodeError as error:
        raise MalformedJsonError(f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise MalformedJsonError("nested too deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise MalformedJsonError("a number is too long") from error
    return value


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value: dict[str, object] = {}
    for key, item in pairs:
        if key in value:
            raise MalformedJsonError(f"the key {key[:100]!r} stands twice in one object")
        value[key] = item
    return value


def _no_constant(name: str) -> NoReturn:
    raise MalformedJsonError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise MalformedJsonError("a number is too large")
    return value
