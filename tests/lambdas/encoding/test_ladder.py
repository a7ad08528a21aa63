from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.ladder import Codec
from lambdas.common.media import Tier
from lambdas.encoding.ladder import cut_to, packed, unpacked
from tests.lambdas import samples

EVEN = st.integers(8, 2160).map(lambda half: half * 2)
LADDERS = st.lists(st.tuples(EVEN, EVEN), min_size=1, max_size=8, unique=True).map(
    lambda boxes: tuple(samples.recipe(f"r{n}", w, h, Tier.SD) for n, (w, h) in enumerate(boxes))
)
PIXELS = st.integers(16, 8192)


def sizes(width, height):
    return {rung.rung: (rung.width, rung.height) for rung in cut_to(samples.LADDER, width=width, height=height)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ((1920, 1080), {"1080p": (1920, 1080), "720p": (1280, 720), "480p": (854, 480), "360p": (640, 360)}),
        ((3840, 2160), {"1080p": (1920, 1080), "720p": (1280, 720), "480p": (854, 480), "360p": (640, 360)}),
        ((1280, 720), {"720p": (1280, 720), "480p": (854, 480), "360p": (640, 360)}),
        ((1920, 800), {"1080p": (1920, 800), "720p": (1280, 534), "480p": (854, 356), "360p": (640, 266)}),
        ((1440, 1080), {"1080p": (1440, 1080), "720p": (960, 720), "480p": (640, 480), "360p": (480, 360)}),
        ((480, 270), {"360p": (480, 270)}),
    ],
)
def test_known_sources(source, expected):
    assert sizes(*source) == expected


@given(LADDERS, PIXELS, PIXELS)
def test_a_rung_is_even_and_larger_neither_than_its_box_nor_than_the_source(ladder, width, height):
    boxes = {recipe.rung: recipe for recipe in ladder}
    for rung in cut_to(ladder, width=width, height=height):
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.width <= min(width, boxes[rung.rung].width)
        assert rung.height <= min(height, boxes[rung.rung].height)


@given(LADDERS, PIXELS, PIXELS)
def test_the_ladders_order_stays_and_something_always_remains(ladder, width, height):
    kept = [rung.rung for rung in cut_to(ladder, width=width, height=height)]
    assert kept
    assert kept == [recipe.rung for recipe in ladder if recipe.rung in kept]


@given(LADDERS, PIXELS, PIXELS)
def test_a_rung_fills_its_box_in_the_shape_of_the_source(ladder, width, height):
    boxes = {recipe.rung: recipe for recipe in ladder}
    for rung in cut_to(ladder, width=width, height=height):
        box = boxes[rung.rung]
        scale = min(Fraction(box.width, width), Fraction(box.height, height), Fraction(1))
        assert abs(rung.width - width * scale) <= 1 or rung.width == 2
        assert abs(rung.height - height * scale) <= 1 or rung.height == 2


def test_a_packed_ladder_of_forty_rungs_is_the_same_and_fits_a_functions_environment():
    ladder = [
        samples.recipe(f"{codec}-{height}p", height * 16 // 9 // 2 * 2, height, Tier.HD).model_copy(
            update={"codec": codec, "crf": 17.25 + height / 100, "bitrate_kbps": height * 7 + number}
        )
        for number, codec in enumerate([*Codec] * 2)
        for height in (240, 360, 480, 720, 1080, 1440, 2160)
    ]
    assert unpacked(packed(ladder)) == tuple(ladder)
    assert len(packed(ladder)) < 2000


@pytest.mark.parametrize("word", ["", "1080p", "1080", packed([])])
def test_what_is_no_packed_ladder_is_refused(word):
    with pytest.raises(ValueError, match=r".+"):
        unpacked(word)
