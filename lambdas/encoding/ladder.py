"""The ladder, cut to a source: no rung is larger than the picture, and every rung has the picture's shape."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated

from pydantic import Field, TypeAdapter

from lambdas.encoding.models import VideoRecipe
from lambdas.encoding.source_picture import even

_LADDER = TypeAdapter(Annotated[tuple[VideoRecipe, ...], Field(min_length=1)])


def packed(ladder: Sequence[VideoRecipe]) -> str:
    """Return a ladder as a word: a function's whole environment may have 4 KB, and forty rungs as JSON have eight."""
    return base64.b64encode(zlib.compress(_LADDER.dump_json(tuple(ladder)), level=9)).decode()


def unpacked(word: str) -> tuple[VideoRecipe, ...]:
    """Return the ladder that was `packed`.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return _LADDER.validate_json(zlib.decompress(base64.b64decode(word, validate=True)))
    except zlib.error as error:
        message = "no packed ladder"
        raise ValueError(message) from error


def cut_to(ladder: Sequence[VideoRecipe], *, width: int, height: int) -> tuple[VideoRecipe, ...]:
    """Return the rungs of `ladder` that a source of `width` x `height` pixels fills, in the ladder's order.

    A rung's width and height are a box that the picture is fitted into, so that a wide film keeps the width and
    a narrow one the height. A rung whose box is larger than the picture both ways would enlarge it, and is
    dropped. If that drops all of them the smallest stays, at the source's own size.

    Both dimensions of every rung are even, as 4:2:0 sampling demands.
    """
    filled = [recipe for recipe in ladder if recipe.width <= width or recipe.height <= height]
    rungs = filled or [min(ladder, key=lambda recipe: recipe.width * recipe.height)]
    return tuple(_fitted(recipe, width=width, height=height) for recipe in rungs)


def _fitted(recipe: VideoRecipe, *, width: int, height: int) -> VideoRecipe:
    scale = min(Fraction(recipe.width, width), Fraction(recipe.height, height), Fraction(1))
    return recipe.model_copy(update={"width": even(width * scale), "height": even(height * scale)})
