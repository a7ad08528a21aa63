"""Subtitles as IMSC1: what WebVTT says is read out of them again, by another reader of the format."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ttconv", reason="needs requirements-sandbox.txt: ttconv")

from defusedxml import ElementTree
from ttconv import model
from ttconv.imsc import reader
from ttconv.isd import ISD
from ttconv.style_properties import FontStyleType, FontWeightType, NamedColors, StyleProperties, TextAlignType

from encoder.boxes import box
from encoder.cues import cues_of, until
from encoder.errors import TextUnreadableError
from encoder.imsc import document
from encoder.imsc_reading import paragraphs

MANY = """\ufeffWEBVTT - a film

STYLE
::cue { color: papayawhip }

NOTE what is said here is not shown

1
00:01.000 --> 00:04.500 line:10% align:left
<v Ada>你好 <i>世界</i>

two lines
01:00:00.000 --> 01:00:02.000
日本語 & <c.yellow.bg_blue>العربية</c>
<b>the <i>second</b> line</i> &lt;3

00:07.000 --> 00:06.000
never

00:08.000 --> 00:09.000 line:-1
<ruby>漢<rt>かん</rt></ruby></i> R&amp;D
"""
CUES = cues_of(MANY)


def read(cues, language="en"):
    """A document, as `ttconv` reads it."""
    return reader.to_model(ElementTree.parse(io.BytesIO(document(cues, language=language))))


def texts(found, **looks):
    """The words that look so, by their element's own styles."""
    spans = (element for element in found.get_body().dfs_iterator() if isinstance(element, model.Span))
    return [
        "".join(part.get_text() for part in span if isinstance(part, model.Text))
        for span in spans
        if all(span.get_style(getattr(StyleProperties, name)) == value for name, value in looks.items())
    ]


def shown(found, at_s):
    """What is on the screen at a time: the words of each region."""
    isd = ISD.from_model(found, at_s)
    regions = isd.iter_regions() if isd else ()
    said = {
        region.get_id(): "".join(part.get_text() for part in region.dfs_iterator() if isinstance(part, model.Text))
        for region in regions
    }
    return {name: words for name, words in said.items() if words}


def test_every_cue_that_is_shown_is_read_with_its_times_and_its_words():
    assert [(cue.begins_ms, cue.ends_ms, cue.words) for cue in CUES] == [
        (1000, 4500, "你好 世界"),
        (3_600_000, 3_602_000, "日本語 & العربية\nthe second line <3"),
        (8000, 9000, "漢(かん) R&D"),
    ]
    assert paragraphs(box("mdat", document(CUES, language="en"))) == tuple(cue.words for cue in CUES)


def test_a_document_is_of_both_versions_text_profile_and_says_its_language():
    found = read(CUES, language="pt-BR")
    assert found.get_lang() == "pt-BR"
    assert found.get_content_profiles() == {"http://www.w3.org/ns/ttml/profile/imsc1.1/text"}
    assert b'ttp:profile="http://www.w3.org/ns/ttml/profile/imsc1/text"' in document(CUES, language="pt-BR")


def test_looks_of_words_stay_theirs_whatever_is_nested_in_what():
    found = read(CUES)
    assert texts(found, FontStyle=FontStyleType.italic) == ["世界", "second"]
    assert texts(found, FontWeight=FontWeightType.bold) == ["the ", "second"]
    assert texts(found, Color=NamedColors.yellow.value, BackgroundColor=NamedColors.blue.value) == ["العربية"]


def test_cues_are_shown_at_their_times_in_regions_apart():
    found = read(CUES)
    assert shown(found, 0.9) == {}
    assert shown(found, 1) == {"top": "你好 世界"}
    assert shown(found, 4.499) == {"top": "你好 世界"}
    assert shown(found, 4.5) == {}
    assert set(shown(found, 3601)) == {"bottom"}


@pytest.mark.parametrize(
    ("said", "region", "align"),
    [
        ("", "bottom", TextAlignType.center),
        ("line:0", "top", TextAlignType.center),
        ("line:-1 align:end", "bottom", TextAlignType.end),
        ("line:50%,center align:middle", "middle", TextAlignType.center),
        ("line:84% align:start", "bottom", TextAlignType.start),
        ("line:7 align:right", "middle", TextAlignType.end),
        ("line:auto align:somewhere", "bottom", TextAlignType.center),
    ],
)
def test_a_cue_stands_where_its_settings_say_roughly(said, region, align):
    found = read(cues_of(f"WEBVTT\n\n00:00.000 --> 00:01.000 {said}\nwords\n"))
    [paragraph] = (element for element in found.get_body().dfs_iterator() if isinstance(element, model.P))
    assert paragraph.get_region().get_id() == region
    assert paragraph.get_style(StyleProperties.TextAlign) == align


PIECES = st.lists(
    st.one_of(
        st.sampled_from(["<i>", "</i>", "<b>", "</b>", "<c.red>", "</c>", "<rt>", "</ruby>", "<00:01.000>", "<", ">"]),
        st.sampled_from(["&", "&amp;", "&lt;", "&nbsp;", "\n", " ", "\u202b", "\x08"]),
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"]), max_size=5),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(pieces=PIECES, line=st.sampled_from(["", "line:0", "line:40%", "line:100%", "line:-9"]))
def test_whatever_a_cue_says_is_imsc1_and_says_the_same(pieces, line):
    told = re.sub(r"\n{2,}", "\n", "".join(pieces))
    cues = cues_of(f"WEBVTT\n\n00:00.000 --> 00:02.000 {line}\n{told}\n\n00:01.000 --> 00:03.000\nbeside\n")
    said = paragraphs(box("mdat", document(cues, language="en")))
    assert said == tuple(cue.words.replace("\x08", "\ufffd") for cue in cues)


BOTH = document(cues_of("WEBVTT\n\n00:00.000 --> 00:01.000 line:0\na\n\n00:00.000 --> 00:01.000\nb\n"), language="en")


@pytest.mark.parametrize(
    "sample",
    [
        b"",
        b"WEBVTT",
        b"<html/>",
        BOTH.replace(b'extent="90% 30%"', b'extent="90% 90%"'),
        BOTH.replace(b'tts:extent="90% 30%"', b""),
        BOTH.replace(b'linePadding="0.5c"', b'linePadding="0.5px"'),
    ],
    ids=["nothing", "WebVTT", "another XML", "regions that overlap", "regions without an extent", "another unit"],
)
def test_what_is_no_imsc1_is_named(sample):
    assert paragraphs(box("mdat", BOTH)) == ("a", "b")
    with pytest.raises(TextUnreadableError):
        paragraphs(box("mdat", sample))


def test_what_is_shown_behind_the_films_end_is_left_out():
    head, name = "WEBVTT\n\nNOTE 00:09.000 --> 00:10.000 is no cue", "2\n"
    inside, across = "00:00.000 --> 00:04.000\nin", f"{name}00:04.000 --> 00:09.000 line:0 align:start\nat the end"
    behind = "10:00:00.000 --> 10:00:02.000\na typing error"
    text = f"{head}\n\n{inside}\n\n{across}\n\n{behind}" + "\n"
    cut = until(text, 4588)
    assert cut == "\n\n".join((head, inside, across.replace("00:09.000", "00:00:04.588"))) + "\n"
    assert until(cut, 4588) == cut


@given(st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 9999)), max_size=6), st.integers(1, 9999))
def test_a_file_that_is_cut_shows_the_same_up_to_there(times, ends_ms):
    def at(milliseconds):
        return f"00:0{milliseconds // 1000}.{milliseconds % 1000:03}"

    text = "WEBVTT\n" + "".join(f"\n{at(begins)} --> {at(ends)}\nat {begins}\n" for begins, ends in times)
    before, after = cues_of(text), cues_of(until(text, ends_ms))
    assert all(cue.ends_ms <= ends_ms for cue in after)
    for moment in range(0, ends_ms, 97):
        shown = [[cue.words for cue in cues if cue.begins_ms <= moment < cue.ends_ms] for cues in (before, after)]
        assert shown[0] == shown[1]
