"""What is left of a manifest: by texts as the packager writes them."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.common.ladder import Codec
from lambdas.common.media import Rendition, Tier
from lambdas.playback.selection import NothingLeftError, Selection, left, most_pixels

NAMESPACE = "{urn:mpeg:dash:schema:mpd:2011}"
EVERYTHING = Selection(most_pixels=None, codecs=None, hdr=None)
# id, codecs, width, height, transfer characteristics
PICTURES = (
    ("0", "avc1.640028", 1920, 1080, 1),
    ("1", "avc1.4d401e", 854, 480, 1),
    ("2", "hvc1.2.4.L150.90", 3840, 2160, 16),
    ("3", "hvc1.2.4.L120.90", 1920, 1080, 16),
    ("4", "av01.0.08M.08", 1920, 1080, 1),
)
SWITCHING = "urn:mpeg:dash:adaptation-set-switching:2016"
TRICK = "http://dashif.org/guidelines/trickmode"


def _set(number, codecs, width, height, transfer, *, prop, kind="Supplemental", scheme=SWITCHING):
    return (
        f'    <AdaptationSet id="{number}" contentType="video" width="{width}" height="{height}" par="16:9">\n'
        f'      <SupplementalProperty schemeIdUri="urn:mpeg:mpegB:cicp:TransferCharacteristics" value="{transfer}"/>\n'
        f'      <{kind}Property schemeIdUri="{scheme}" value="{prop}"/>\n'
        f'      <Representation id="r{number}" bandwidth="1000" codecs="{codecs}" mimeType="video/mp4">\n'
        f'        <SegmentTemplate media="../video/{number}/seg_$Number$.m4s"/>\n'
        "      </Representation>\n"
        "    </AdaptationSet>\n"
    )


DASH = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">\n  <Period id="0">\n'
    + "".join(_set(*one, prop=",".join(other[0] for other in PICTURES if other is not one)) for one in PICTURES)
    + _set("9", "avc1.4d401e", 854, 480, 1, prop="1", kind="Essential", scheme=TRICK)
    + _set("10", "av01.0.01M.08", 854, 480, 1, prop="4", kind="Essential", scheme=TRICK)
    + '    <AdaptationSet id="11" contentType="audio" lang="en">\n'
    '      <Representation id="a" codecs="ec-3" mimeType="audio/mp4"/>\n    </AdaptationSet>\n'
    '    <AdaptationSet id="12" contentType="text" lang="en">\n'
    '      <Representation id="t" codecs="wvtt" mimeType="application/mp4"/>\n    </AdaptationSet>\n'
    "  </Period>\n</MPD>\n"
)
HLS = (
    "#EXTM3U\n"
    '#EXT-X-MEDIA:TYPE=AUDIO,URI="hls/en.m3u8",GROUP-ID="a"\n\n'
    + "".join(
        f'#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="{codecs},mp4a.40.2",RESOLUTION={width}x{height},'
        f'VIDEO-RANGE={"PQ" if transfer == 16 else "SDR"},AUDIO="a"\nhls/{number}.m3u8\n'
        for number, codecs, width, height, transfer in PICTURES
    )
    + '\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS="avc1.4d401e",RESOLUTION=854x480,URI="hls/9.m3u8"\n'
    '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,CODECS="av01.0.01M.08",RESOLUTION=854x480,URI="hls/10.m3u8"\n'
)


def sets(text):
    return {one.get("id"): one for one in ET.fromstring(text).iter(f"{NAMESPACE}AdaptationSet")}  # noqa: S314


def playlists(text):
    """The numbers of what the playlist names, sound apart."""
    return set(re.findall(r"hls/(\d+)\.m3u8", text))


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (EVERYTHING, {"0", "1", "2", "3", "4", "9", "10"}),
        (Selection(854 * 480, None, None), {"1", "9"}),
        (Selection(1920 * 1080, None, None), {"0", "1", "3", "4", "9", "10"}),
        (Selection(None, (Codec.H264,), None), {"0", "1", "9"}),
        (Selection(None, (Codec.H265,), None), {"2", "3"}),
        (Selection(None, (Codec.AV1, Codec.H264), None), {"0", "1", "4", "9", "10"}),
        (Selection(None, None, hdr=False), {"0", "1", "4", "9", "10"}),
        (Selection(1920 * 1080, (Codec.H264, Codec.H265), hdr=True), {"0", "1", "3", "9"}),
    ],
)
def test_what_the_device_may_play_is_left_in_both_formats(selection, expected):
    assert set(sets(left(DASH, kind="dash", selection=selection))) == expected | {"11", "12"}
    winding = {"9", "10"}
    hls = playlists(left(HLS, kind="hls", selection=selection))
    assert hls - winding == expected - winding


@pytest.mark.parametrize("sound", ["mp4a.40.2", "mp4a.40.5", "ec-3"])
def test_sound_in_no_codec_decides_what_of_the_picture_is_left(sound):
    h264 = Selection(None, (Codec.H264,), None)
    assert h264.admits(codecs=f"avc1.4d401e,{sound}", pixels=None, hdr=False)
    assert not h264.admits(codecs=f"av01.0.01M.08,{sound}", pixels=None, hdr=False)


def test_what_everybody_may_play_is_untouched():
    assert left(DASH, kind="dash", selection=EVERYTHING) == DASH
    assert left(HLS, kind="hls", selection=EVERYTHING) == HLS


def test_key_frames_of_a_codec_that_the_device_lacks_are_left_out_of_the_playlist():
    hls = playlists(left(HLS, kind="hls", selection=Selection(None, (Codec.H264,), None)))

    assert "9" in hls
    assert "10" not in hls


def test_a_set_refers_to_sets_that_are_there():
    found = sets(left(DASH, kind="dash", selection=Selection(None, (Codec.H264,), None)))

    for number, one in found.items():
        for prop in (*one.iter(f"{NAMESPACE}SupplementalProperty"), *one.iter(f"{NAMESPACE}EssentialProperty")):
            if prop.get("schemeIdUri") in {SWITCHING, TRICK}:
                assert set(prop.get("value").split(",")) <= set(found) - {number}


def test_of_a_set_of_several_sizes_those_are_left_that_fit():
    text = (
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><AdaptationSet id="0" contentType="video">\n'
        '<Representation id="big" width="1920" height="1080" codecs="avc1.640028"><SegmentBase/></Representation>\n'
        '<Representation id="small" width="640" height="360" codecs="avc1.4d401e"/>\n'
        "</AdaptationSet></Period></MPD>"
    )

    out = left(text, kind="dash", selection=Selection(640 * 360, None, None))

    assert [one.get("id") for one in ET.fromstring(out).iter(f"{NAMESPACE}Representation")] == ["small"]  # noqa: S314


@pytest.mark.parametrize(("kind", "text"), [("dash", DASH), ("hls", HLS)])
def test_a_manifest_without_a_picture_is_an_error_of_ours(kind, text):
    with pytest.raises(NothingLeftError):
        left(text, kind=kind, selection=Selection(100, None, None))


def test_a_set_that_only_winds_others_is_not_a_picture():
    # Of AV1, key frames at 480p are left; the picture that they wind is larger.
    with pytest.raises(NothingLeftError):
        left(DASH, kind="dash", selection=Selection(854 * 480, (Codec.AV1,), None))


@settings(max_examples=30, deadline=None)
@given(
    pixels=st.none() | st.sampled_from([854 * 480, 1920 * 1080, 3840 * 2160]),
    codecs=st.none() | st.sets(st.sampled_from(Codec), min_size=1).map(lambda found: tuple(sorted(found))),
    hdr=st.none() | st.booleans(),
)
def test_cutting_twice_is_cutting_once(pixels, codecs, hdr):
    selection = Selection(pixels, codecs, hdr)
    for kind, text in (("dash", DASH), ("hls", HLS)):
        try:
            once = left(text, kind=kind, selection=selection)
        except NothingLeftError:
            continue
        assert left(once, kind=kind, selection=selection) == once
        if kind == "dash":
            sets(once)


def test_the_largest_picture_is_that_of_the_tiers_the_session_has():
    def rendition(width, height, tier):
        return Rendition(
            rung="r", codec="h264", width=width, height=height, bitrate_kbps=1, vmaf_mean=1, vmaf_p5=1, tier=tier
        )

    renditions = (rendition(640, 360, Tier.SD), rendition(360, 640, Tier.SD), rendition(1920, 1080, Tier.HD))
    assert most_pixels(renditions, tiers={Tier.AUDIO, Tier.SD}) == 640 * 360
    assert most_pixels(renditions, tiers=set(Tier)) == 1920 * 1080
    assert most_pixels((), tiers=set(Tier)) is None
