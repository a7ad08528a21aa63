import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.picture import DARK, Axis, bars, in_the_dark, lines

SVG = "{http://www.w3.org/2000/svg}"
values = st.floats(0, 1e9)
AXIS = Axis(label="how much")


def drawn(text, tag):
    return list(ET.fromstring(text).iter(f"{SVG}{tag}"))  # noqa: S314 - our own


@given(points=st.lists(st.tuples(st.floats(0, 100), values), min_size=2, max_size=20))
def test_a_line_has_its_points_within_the_picture(points):
    text = lines({"one & other": points}, title="a < b", x=Axis(label="x", high=100), y=Axis(label="y", high=1e9))
    [line] = drawn(text, "polyline")
    places = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
    assert len(places) == len(points)
    assert all(0 <= across <= 760 and 0 <= down <= 400 for across, down in places)
    order = sorted(range(len(points)), key=lambda place: points[place][1])
    downs = [places[place][1] for place in order]
    assert downs == sorted(downs, reverse=True)


@given(parts=st.lists(st.floats(1, 1e6), min_size=1, max_size=6))
def test_the_parts_of_a_bar_stand_on_each_other_in_proportion(parts):
    column = {f"part {number}": value for number, value in enumerate(parts)}
    text = bars({"all": column, "none": {}}, title="t", y=AXIS)
    blocks = [each for each in drawn(text, "rect") if each.get("fill") != "#ffffff" and each.get("rx") is None]
    heights = [float(block.get("height")) for block in blocks]
    assert len(heights) == len(parts)
    assert heights == pytest.approx([sum(heights) * value / sum(parts) for value in parts], abs=0.3)


def test_the_same_figures_are_the_same_picture():
    def picture():
        return bars({"a": {"x": 1.0, "y": 2.0}}, title="t", y=AXIS)

    assert picture() == picture()


def test_more_series_than_colours_are_refused():
    many = {str(number): [(0.0, 1.0)] for number in range(9)}
    with pytest.raises(ValueError, match="at most 8 series"):
        lines(many, title="t", x=AXIS, y=AXIS)


def luminance(colour):
    """As WCAG has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_a_picture_has_one_for_a_dark_page():
    series = {str(number): [(0.0, 1.0), (1.0, 2.0)] for number in range(8)}
    text = lines(series, title="t", x=Axis(label="x"), y=AXIS)
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', text))
    assert used == DARK.keys()
    assert in_the_dark(DARK) in text


def test_what_is_drawn_can_be_read_on_a_dark_page():
    ground, ink, grid = (DARK[colour] for colour in ("#ffffff", "#4a5568", "#cbd5e0"))
    assert contrast(ink, ground) >= 4.5
    drawn_with = set(DARK.values()) - {ground, grid}
    assert all(contrast(colour, ground) >= 3 for colour in drawn_with)
    assert contrast("#4a5568", "#ffffff") >= 4.5


def test_the_style_changes_fillings_and_lines_and_only_where_the_page_is_dark():
    style = in_the_dark({"#ffffff": "#000000"}, unnamed_text="#eeeeee")
    assert style.startswith("<style>@media (prefers-color-scheme: dark){")
    assert '[fill="#ffffff"]{fill:#000000}[stroke="#ffffff"]{stroke:#000000}' in style
    assert "text:not([fill]){fill:#eeeeee}" in style
