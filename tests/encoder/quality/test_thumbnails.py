"""Seek thumbnails: every ten seconds, whatever the frame rate and however short the film."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.quality.sprites import SpriteLayout
from lambdas.common.keys import Analysis

CUE = re.compile(r"(\S+) --> (\S+)\n(\S+?)#xywh=(\d+),(\d+),(\d+),(\d+)")
RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)]


def layout(duration_s, *, width=1920, height=1080, sample_aspect=Fraction(1)):
    return SpriteLayout.of(width=width, height=height, sample_aspect=sample_aspect, duration_s=duration_s)


def seconds(clock):
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


@given(frames=st.integers(min_value=1, max_value=400_000), rate=st.sampled_from(RATES))
def test_the_track_covers_the_film_without_gap_or_overlap(frames, rate):
    grid = layout(float(frames / rate))
    cues = CUE.findall(grid.webvtt(frames, rate=rate, analysis=Analysis("v1")))
    starts, ends = [seconds(cue[0]) for cue in cues], [seconds(cue[1]) for cue in cues]
    assert starts == [10.0 * number for number in range(len(cues))]
    assert starts[1:] == ends[:-1]
    assert ends[-1] == pytest.approx(float(frames / rate), abs=0.001)
    assert len(cues) == grid.count(frames, rate=rate) >= 1


@given(duration_s=st.floats(min_value=0.04, max_value=20_000))
def test_no_two_thumbnails_share_a_place_and_all_lie_on_their_sheet(duration_s):
    grid = layout(duration_s)
    frames = max(1, int(duration_s * 25))
    cues = CUE.findall(grid.webvtt(frames, rate=Fraction(25), analysis=Analysis("v1")))
    assert len({cue[2:] for cue in cues}) == len(cues)
    for cue in cues:
        left, top, width, height = map(int, cue[3:])
        assert left + width <= grid.columns * grid.width
        assert top + height <= grid.rows * grid.height


def test_sheets_are_named_without_a_path():
    track = layout(3600).webvtt(90_000, rate=Fraction(25), analysis=Analysis("v1"))
    assert {cue[2] for cue in CUE.findall(track)} == {f"sprite-{index:04d}.jpg" for index in range(4)}


def test_an_anamorphic_film_has_thumbnails_of_the_shape_that_is_shown():
    wide = layout(60, width=720, height=576, sample_aspect=Fraction(64, 45))
    assert wide.width / wide.height == pytest.approx(16 / 9, rel=0.02)
