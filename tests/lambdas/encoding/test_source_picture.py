"""What the facts of a source say of its picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lambdas.common.ladder import DynamicRange
from lambdas.common.media import HdrFacts, Transfer
from lambdas.encoding.models import SourcePicture, VideoRecipe
from lambdas.encoding.source_picture import PictureNotTakenError, shown_size, source_picture
from tests.lambdas import samples

UNSAID = {"color_range": None, "color_primaries": None, "color_transfer": None, "color_space": None}


def video(**changes):
    return samples.VIDEO.model_copy(update=changes)


@given(st.integers(2, 8192), st.integers(2, 4320), st.fractions(min_value="1/4", max_value=4, max_denominator=100))
def test_a_picture_is_shown_in_its_shape_with_all_its_lines_in_even_sizes(width, height, aspect):
    size = shown_size(video(width=width, height=height, sample_aspect_ratio=f"{aspect.numerator}/{aspect.denominator}"))
    assert size.width % 2 == size.height % 2 == 0
    assert height - 1 <= size.height <= height
    assert abs(size.width - width * aspect) <= max(1, 2 - width * aspect)


def test_a_picture_that_says_nothing_of_its_pixels_has_square_ones():
    assert shown_size(video(sample_aspect_ratio=None)) == (1920, 1080)


@pytest.mark.parametrize(
    ("field_order", "scan_type", "scan"),
    [
        ("progressive", "Progressive", "progressive"),
        (None, None, "progressive"),
        ("tt", "Interlaced", "tff"),
        ("tb", None, "tff"),
        ("bb", "Interlaced", "bff"),
        ("bt", None, "bff"),
        ("progressive", "MBAFF", "tff"),
        (None, "Interlaced", "tff"),
    ],
)
def test_whoever_says_that_a_picture_is_interlaced_is_believed(field_order, scan_type, scan):
    assert source_picture(video(field_order=field_order, scan_type=scan_type)).scan == scan


@pytest.mark.parametrize(
    ("height", "space"), [(2160, "bt709"), (720, "bt709"), (577, "bt709"), (576, "bt470bg"), (486, "smpte170m")]
)
def test_what_is_unsaid_is_what_pictures_of_so_many_lines_have(height, space):
    found = source_picture(video(height=height, **UNSAID))
    assert found == SourcePicture(primaries=space, matrix=space)


def test_what_pq_leaves_unsaid_is_bt2020():
    hdr = HdrFacts(transfer=Transfer.PQ)
    assert source_picture(video(**UNSAID | {"hdr": hdr})) == SourcePicture(
        primaries="bt2020", matrix="bt2020nc", hdr=hdr
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"constant_frame_rate": False}, "`constant_frame_rate` is false"),
        ({"color_transfer": "log100"}, "`color_transfer` is log100"),
        ({"color_primaries": "smpte432"}, "the colours are smpte432 with the matrix bt709"),
        ({"color_space": "bt709,drawtext=x"}, "with the matrix bt709,drawtext=x"),
    ],
)
def test_what_nobody_could_show_rightly_is_refused_with_the_reason(wrong, said):
    with pytest.raises(PictureNotTakenError, match=said):
        source_picture(video(**wrong))


def test_a_film_of_one_frame_lies_evenly():
    assert source_picture(video(frames=1, constant_frame_rate=None)) == SourcePicture()


def test_hdr10_of_eight_bits_is_no_recipe():
    wrong = samples.LADDER[0].model_dump() | {"dynamic_range": DynamicRange.HDR10}
    with pytest.raises(ValidationError, match="1080p is HDR10 and has 8 bits"):
        VideoRecipe.model_validate(wrong)
