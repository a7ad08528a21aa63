import xml.etree.ElementTree as ET

import pytest

from lambdas.playback.manifests import BrokenManifestError, personal

KEY = "film/v1/manifests/manifest.mpd"
BASE = "/media/h.c.s/film/v1/manifests/"
NAMESPACE = "{urn:mpeg:dash:schema:mpd:2011}"


def dash(text):
    return personal(text=text, kind="dash", key=KEY, token="h.c.s")


def hls(text):
    return personal(text=text, kind="hls", key="film/v1/manifests/master.m3u8", token="h.c.s")


@pytest.mark.parametrize(
    "start",
    [
        '<?xml version="1.0" encoding="UTF-8"?>\n<!--made by <MPDtool>-->\n<MPD xmlns="{ns}">',
        '<MPD\n  xmlns="{ns}"\n  type="static" >',
        "<MPD xmlns='{ns}' id='a>b'>",
    ],
)
def test_the_base_url_comes_first_under_mpd(start):
    start = start.format(ns="urn:mpeg:dash:schema:mpd:2011")
    text = f"{start}<Period><BaseURL>deeper/</BaseURL></Period></MPD>"

    document = ET.fromstring(dash(text))  # noqa: S314 - our own text

    assert document[0].tag == f"{NAMESPACE}BaseURL"
    assert document[0].text == BASE
    assert document.find(f"{NAMESPACE}Period/{NAMESPACE}BaseURL").text == "deeper/"


def test_the_rest_of_an_mpd_is_untouched():
    text = '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><x a="&lt;"/></Period></MPD>'

    assert dash(text).replace(f"\n  <BaseURL>{BASE}</BaseURL>", "") == text


@pytest.mark.parametrize("text", ["", "<MPDX a='1'></MPDX>", "<html></html>"])
def test_what_is_no_mpd_is_refused(text):
    with pytest.raises(BrokenManifestError):
        dash(text)


def test_every_relative_uri_of_a_playlist_becomes_absolute():
    text = (
        "#EXTM3U\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,URI="../audio/en.m3u8",GROUP-ID="a"\n'
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"\n'
        "\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=1\n"
        "../video/1080p.m3u8\n"
    )

    assert hls(text).splitlines() == [
        "#EXTM3U",
        '#EXT-X-MEDIA:TYPE=AUDIO,URI="/media/h.c.s/film/v1/audio/en.m3u8",GROUP-ID="a"',
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="/media/h.c.s/film/v1/manifests/iframes.m3u8"',
        "",
        "#EXT-X-STREAM-INF:BANDWIDTH=1",
        "/media/h.c.s/film/v1/video/1080p.m3u8",
    ]


@pytest.mark.parametrize("uri", ["/api/playback/license", "skd://key", "data:text/plain,x", "https://x.example/a"])
def test_a_uri_that_is_absolute_already_stays(uri):
    line = f'#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="{uri}"'

    assert hls(f"#EXTM3U\n{line}\n").splitlines()[1] == line


def test_an_attribute_whose_name_only_ends_in_uri_stays():
    line = '#EXT-X-THING:OTHERURI="a.m3u8"'

    assert hls(f"#EXTM3U\n{line}\n").splitlines()[1] == line


@pytest.mark.parametrize("text", ["", "\n#EXTM3U", "<MPD></MPD>"])
def test_what_is_no_playlist_is_refused(text):
    with pytest.raises(BrokenManifestError):
        hls(text)
