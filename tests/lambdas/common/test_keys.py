"""The one place that knows where an object lies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.keys import (
    ART_PREFIX,
    MisplacedReferenceError,
    PublishedVersion,
    VersionLayout,
    referenced,
)

VERSION = PublishedVersion(title_id="bunny", version_id="v1")


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (VersionLayout.video("1080p"), "bunny/v1/video/1080p"),
        (VersionLayout.audio("en_stereo_128k"), "bunny/v1/audio/en_stereo_128k"),
        (VersionLayout.subtitles("de"), "bunny/v1/subtitles/de"),
        (VersionLayout.playlist("video_720p"), "bunny/v1/manifests/hls/video_720p.m3u8"),
    ],
)
def test_a_title_is_laid_out_by_kind_and_track(path, key):
    assert VERSION.within(path) == key


def test_an_edge_token_opens_everything_of_a_version_but_its_poster():
    for key in (VERSION.dash, VERSION.hls, VERSION.thumbnails):
        assert key.startswith(VERSION.prefix)
    assert VERSION.poster.startswith(ART_PREFIX)


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("../video/1080p/seg_1.m4s", "bunny/v1/video/1080p/seg_1.m4s"),
        ("hls/video_1080p.m3u8", "bunny/v1/manifests/hls/video_1080p.m3u8"),
        ("./master.m3u8", "bunny/v1/manifests/master.m3u8"),
    ],
)
def test_a_reference_is_resolved_as_players_resolve_it(reference, key):
    assert referenced(VERSION.dash, reference, within=VERSION.prefix) == key


@pytest.mark.parametrize(
    "reference",
    ["", "/etc/passwd", "../../v2/x", "../../../x", "https://example.com/x", "//example.com/x", "x?y=1", "x#y", "a\nb"],
)
def test_a_reference_that_leads_out_is_refused(reference):
    with pytest.raises(MisplacedReferenceError, match="leads out"):
        referenced(VERSION.dash, reference, within=VERSION.prefix)


@given(st.text(alphabet="abc./%:?#\\ ", max_size=30))
def test_no_reference_leads_out(reference):
    try:
        found = referenced(VERSION.dash, reference, within=VERSION.prefix)
    except MisplacedReferenceError:
        return
    assert found.startswith(VERSION.prefix)
    assert ".." not in found.split("/")
