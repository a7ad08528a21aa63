"""Which track is chosen unless the viewer chooses another, in manifests as the packager writes them."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.playback.models import Languages
from lambdas.playback.preference import closest, preferred
from lambdas.playback.selection import ADAPTATION_SET, start_of

# id, kind, language, role, label
SETS = (
    ("1", "audio", "en", "main", None),
    ("2", "audio", "en", "main", None),
    ("3", "audio", "de", "alternate", None),
    ("4", "audio", "de", "alternate", "de 2"),
    ("5", "audio", "fr", "commentary", "fr commentary"),
    ("6", "text", "en", "subtitle", None),
    ("7", "text", "en", "caption", None),
    ("8", "text", "ja", "forced-subtitle", None),
    ("9", "text", "pt-PT", "subtitle", None),
)
DASH = "<MPD><Period>\n" + "".join(
    f'    <AdaptationSet id="{number}" contentType="{kind}" lang="{language}">\n'
    f'      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="{role}"/>\n'
    + (f"      <Label>{label}</Label>\n" if label else "")
    + f'      <Representation id="{number}"/>\n    </AdaptationSet>\n'
    for number, kind, language, role, label in SETS
) + "</Period></MPD>\n"  # fmt: skip
HLS = """#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,URI="a1",GROUP-ID="aac",LANGUAGE="en",NAME="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="2"
#EXT-X-MEDIA:TYPE=AUDIO,URI="a2",GROUP-ID="aac",LANGUAGE="de",NAME="de commentary",DEFAULT=NO
#EXT-X-MEDIA:TYPE=AUDIO,URI="a3",GROUP-ID="aac",LANGUAGE="de",NAME="de",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2"
#EXT-X-MEDIA:TYPE=AUDIO,URI="a4",GROUP-ID="aac",LANGUAGE="de",NAME="de 2",DEFAULT=NO,AUTOSELECT=YES,CHANNELS="2"
#EXT-X-MEDIA:TYPE=AUDIO,URI="a5",GROUP-ID="ec3",LANGUAGE="en",NAME="en",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="6"
#EXT-X-MEDIA:TYPE=SUBTITLES,URI="t1",GROUP-ID="text",LANGUAGE="pt-PT",NAME="pt-PT",DEFAULT=NO,FORCED=YES
#EXT-X-MEDIA:TYPE=SUBTITLES,URI="t2",GROUP-ID="text",LANGUAGE="pt-PT",NAME="sdh",DEFAULT=NO,CHARACTERISTICS="x,y"
#EXT-X-MEDIA:TYPE=SUBTITLES,URI="t3",GROUP-ID="text",LANGUAGE="pt-PT",NAME="pt-PT",AUTOSELECT=YES
#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="aac"
v1
"""
TAGS = st.sampled_from(["de", "de-AT", "DE", "en", "en-GB", "fr", "ja", "pt", "pt-BR", "pt-PT", "zh-Hant-TW"])
WISHES = st.builds(
    Languages,
    audio=st.lists(TAGS.filter(str.islower) | st.just("pt-BR"), max_size=4).map(tuple),
    text=st.lists(TAGS.filter(str.islower) | st.just("pt-BR"), max_size=4).map(tuple),
)


def told(text):
    """What a DASH manifest says of each set: its roles, and whether it comes before others."""
    return {
        start_of(found[0])["id"]: (
            re.findall(r'role:2011" value="([^"]*)"', found[0]),
            start_of(found[0]).get("selectionPriority"),
        )
        for found in ADAPTATION_SET.finditer(text)
    }


def defaults(text):
    return re.findall(r'URI="(\w+)".*DEFAULT=YES', text)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (["de"], "de"),
        (["DE-at"], "de"),
        (["fr", "en-GB"], "en"),
        (["pt-BR"], "pt-PT"),
        # The first wish decides, even if what there is fits the second one better.
        (["pt-BR", "en"], "pt-PT"),
        (["zh-Hant-TW"], "zh-Hant"),
        (["fr"], None),
        ([], None),
    ],
)
def test_the_closest_language_is_found(wanted, found):
    assert closest(wanted, offered=["en", "de", "pt-PT", "zh-Hant", ""]) == found


def test_what_a_viewer_likes_to_hear_is_the_main_sound_and_what_is_liked_to_read_is_shown_first():
    before, after = told(DASH), told(preferred(DASH, kind="dash", languages=Languages(audio=("de",), text=("pt-BR",))))
    assert {name: after[name] for name in after if after[name] != before[name]} == {
        "1": (["alternate"], None),
        "2": (["alternate"], None),
        "3": (["main"], "2"),
        "9": (["main", "subtitle"], "2"),
    }
    # Only tracks that could be chosen change places.
    assert list(after) == ["3", "1", "2", "4", "5", "9", "7", "8", "6"]


def test_what_is_main_already_stays_so():
    after = told(preferred(DASH, kind="dash", languages=Languages(audio=("en",))))
    assert (after["1"], after["2"], after["3"]) == ((["main"], "2"), (["main"], "2"), (["alternate"], None))


@pytest.mark.parametrize("wanted", [Languages(), Languages(audio=("fr",), text=("ja",))])
@pytest.mark.parametrize(("kind", "text"), [("dash", DASH), ("hls", HLS)])
def test_who_likes_nothing_that_there_is_gets_the_manifest_as_it_is(kind, text, wanted):
    assert preferred(text, kind=kind, languages=wanted) == text


def test_a_playlist_has_one_default_a_group_and_none_that_is_for_others():
    text = preferred(HLS, kind="hls", languages=Languages(audio=("de-CH",), text=("pt-PT",)))
    # The second group has no German: it keeps its own.
    assert defaults(text) == ["a3", "a5", "t3"]
    assert preferred(text, kind="hls", languages=Languages(audio=("en",))).count("DEFAULT=YES") == 3


@settings(max_examples=40)
@given(wishes=WISHES)
def test_nothing_is_lost_and_the_same_wish_changes_nothing_more(wishes):
    dash, hls = (preferred(text, kind=kind, languages=wishes) for kind, text in (("dash", DASH), ("hls", HLS)))
    assert told(dash).keys() == told(DASH).keys()
    mains = {name for name, (roles, _) in told(dash).items() if "main" in roles and int(name) <= 5}
    assert mains in ({"1", "2"}, {"3"})
    assert re.sub(r",DEFAULT=(YES|NO)", "", hls) == re.sub(r",DEFAULT=(YES|NO)", "", HLS)
    assert preferred(hls, kind="hls", languages=wishes) == hls
