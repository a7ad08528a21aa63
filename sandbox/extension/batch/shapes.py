"""AWS Batch's JSON in its two spellings: camelCase on the wire, PascalCase in templates and workflows."""

from collections.abc import Callable
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any

# Below these keys the names are the user's data, not Batch's.
_DATA: Final = frozenset({"parameters", "tags", "options"})


def _respell(value: Json, spell: Callable[[str], str]) -> Json:
    if isinstance(value, list):
        return [_respell(item, spell) for item in value]
    if isinstance(value, dict):
        return {
            spell(key): dict(item) if key.lower() in _DATA and isinstance(item, dict) else _respell(item, spell)
            for key, item in value.items()
        }
    return value


def to_camel(value: Json) -> Json:
    """``{"JobQueue": ...}`` as ``{"jobQueue": ...}``, at every depth."""
    return _respell(value, lambda key: key[:1].lower() + key[1:])


def to_pascal(value: Json) -> Json:
    """``{"jobQueue": ...}`` as ``{"JobQueue": ...}``, at every depth."""
    return _respell(value, lambda key: key[:1].upper() + key[1:])
