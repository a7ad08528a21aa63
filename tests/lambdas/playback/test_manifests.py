import xml.etree.ElementTree as ET

import pytest

from lambdas.playback.manifests import BrokenManifestError, personal
from lambdas.playback.pathways import Pathway, Pathways
from tests.lambdas.playback.conftest import ONE_WAY, TWO_WAYS

KEY = "film/v1/manifests/manifest.mpd"
BASE = "/media/h.c.s/film/v1/manifests/"
TOKENS = {"cdn": "h.c.s", "isp-1": "h.c.i"}
NAMESPACE = "{urn:mpeg:dash:schema:mpd:2011}"


def bases(pathways):
    """Where each pathway serves the film, told apart by their tokens too."""
    return {one.id: f"{one.base_url.removesuffix('/')}/media/{TOKENS.get(one.id, 'h.c.b')}/" for one in pathways.ranked}


def dash(text, pathways=ONE_WAY):
    return personal(text=text, kind="dash", key=KEY, bases=bases(pathways))


def hls(text, pathways=ONE_WAY):
    key = "film/v1/manifests/master.m3u8"
    return personal(text=text, kind="hls", key=key, bases=bases(pathways))


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


MPD = f"""<?xml version="1.0"?>
<MPD xmlns="{NAMESPACE.strip("{}")}">
  <Period><BaseURL>deeper/</BaseURL></Period>
</MPD>
"""
ELSEWHERE = "https://cache.isp.example/media/h.c.i/film/v1"


def test_an_mpd_names_its_ways_and_who_ranks_them_behind_its_periods():
    document = ET.fromstring(dash(MPD, TWO_WAYS))  # noqa: S314 - our own text

    assert [child.tag.removeprefix(NAMESPACE) for child in document] == [
        *("BaseURL", "BaseURL", "Period", "ContentSteering")
    ]
    urls = {url.get("serviceLocation"): url.text for url in document.findall(f"{NAMESPACE}BaseURL")}
    assert urls == {"isp-1": f"{ELSEWHERE}/manifests/", "cdn": BASE}
    steering = document.find(f"{NAMESPACE}ContentSteering")
    assert (steering.get("defaultServiceLocation"), steering.text) == ("isp-1", "/api/playback/steering")


def test_the_best_way_is_the_default_and_the_relative_address_the_last():
    ranked = Pathways(further=(*TWO_WAYS.further, Pathway(id="b", base_url="https://b.example/", rank=7)))
    ahead = ranked.model_copy(
        update={"further": tuple(one.model_copy(update={"rank": one.rank + 5}) for one in ranked.further)}
    )

    for pathways, default in ((ranked, "isp-1"), (ahead, "cdn")):
        document = ET.fromstring(dash(MPD, pathways))  # noqa: S314 - our own text
        named = [url.get("serviceLocation") for url in document.findall(f"{NAMESPACE}BaseURL")]
        assert named == ["isp-1", "b", "cdn"]
        assert document.find(f"{NAMESPACE}ContentSteering").get("defaultServiceLocation") == default


def test_a_playlist_offers_everything_once_a_way_with_groups_of_its_own():
    text = (
        "#EXTM3U\n"
        "## a comment\n"
        "\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://key"\n'
        '#EXT-X-MEDIA:TYPE=AUDIO,URI="../audio/en.m3u8",GROUP-ID="a",NAME="AUDIO"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a",SUBTITLES="t",CLOSED-CAPTIONS="c"\n'
        "../video/1080p.m3u8\n"
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="iframes.m3u8"\n'
    )

    def offered(pathway, base):
        return [
            f'#EXT-X-MEDIA:TYPE=AUDIO,URI="{base}/audio/en.m3u8",GROUP-ID="a@{pathway}",NAME="AUDIO"',
            f'#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a@{pathway}",SUBTITLES="t@{pathway}",CLOSED-CAPTIONS="c@{pathway}",PATHWAY-ID="{pathway}"',
            f"{base}/video/1080p.m3u8",
            f'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="{base}/manifests/iframes.m3u8",PATHWAY-ID="{pathway}"',
        ]

    assert hls(text, TWO_WAYS).splitlines() == [
        "#EXTM3U",
        "## a comment",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://key"',
        '#EXT-X-CONTENT-STEERING:SERVER-URI="/api/playback/steering",PATHWAY-ID="isp-1"',
        *offered("isp-1", ELSEWHERE),
        *offered("cdn", "/media/h.c.s/film/v1"),
    ]
