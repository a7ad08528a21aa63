from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.picture import Axis, bars, lines

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
