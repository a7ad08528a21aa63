"""Boxes, changed in their places; and what an initialisation says of light."""

import struct

import pytest

from encoder.boxes import box, boxes, rewritten, within
from encoder.errors import PackagingError
from encoder.light import known_light, light_boxes, light_in_sei, light_of, with_light
from lambdas.common.media import Chromaticity, HdrFacts, MasteringDisplay, Transfer

DISPLAY = MasteringDisplay(
    red=Chromaticity(x=0.68, y=0.32),
    green=Chromaticity(x=0.265, y=0.69),
    blue=Chromaticity(x=0.15, y=0.06),
    white=Chromaticity(x=0.3127, y=0.329),
    min_luminance=0.005,
    max_luminance=1000,
)
HDR = HdrFacts(transfer=Transfer.PQ, mastering_display=DISPLAY, max_cll=800, max_fall=300)

ENTRY = ("moov", "trak", "mdia", "minf", "stbl", "stsd", "encv")


def init(entries=1):
    entry = box("encv", bytes(78) + box("av1C", b"av1") + box("sinf", b""))
    table = box("stsd", bytes(7) + bytes([entries]) + entry * entries)
    nested = table
    for name in ("stbl", "minf", "mdia", "trak"):
        nested = box(name, nested)
    return box("ftyp", b"mp41") + box("moov", box("mvhd", b"x") + nested + box("mvex", b"y"))


def test_what_is_changed_is_one_box_and_the_sizes_around_it():
    before, path = init(), ENTRY
    after = rewritten(before, path, lambda body: body + b"1234567")
    assert len(after) == len(before) + 7
    [changed], [was] = within(after, path), within(before, path)
    assert changed == was + b"1234567"
    assert rewritten(after, path, lambda body: body[:-7]) == before


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (init(), ("moov", "udta")),
        (init(2), ("moov", "trak", "mdia", "minf", "stbl", "stsd", "encv")),
        (b"abc", ("moov",)),
    ],
    ids=["none", "two", "no boxes"],
)
def test_a_box_that_is_not_there_once_is_not_changed(data, path):
    with pytest.raises(PackagingError, match="one was looked for"):
        rewritten(data, path, bytes)


def test_light_stands_in_the_order_and_the_units_of_the_standard():
    (first, display), (second, light) = boxes(light_boxes(HDR))
    assert (first, second) == ("mdcv", "clli")
    # Green, blue, red, white; then the brightest and the darkest.
    assert struct.unpack(">8H2I", display) == (13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10_000_000, 50)
    assert struct.unpack(">2H", light) == (800, 300)


def test_only_what_is_known_of_light_is_said():
    assert light_boxes(HdrFacts(transfer=Transfer.PQ)) == b""
    assert [name for name, _ in boxes(light_boxes(HDR.model_copy(update={"mastering_display": None})))] == ["clli"]


def test_an_initialisation_says_it_once_however_often_it_is_packaged():
    told = with_light(init(), HDR)
    assert light_of(init()) == b""
    assert light_of(told) == light_boxes(HDR)
    assert with_light(told, HDR) == told
    assert light_of(with_light(told, HDR.model_copy(update={"max_cll": 900}))) != light_boxes(HDR)


def h265(*messages, kind=39):
    """An initialisation of encrypted H.265 whose configuration has a parameter set, and a unit of SEI messages."""
    sei = b"".join(bytes([number, len(body)]) + body for number, body in messages) + b"\x80"
    escaped = sei.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1")
    units = [(33, b"\x42\x01parameters"), (kind, bytes([kind << 1, 1]) + escaped)]
    arrays = b"".join(struct.pack(">BHH", 0x80 | its, 1, len(unit)) + unit for its, unit in units)
    entry = box("encv", bytes(78) + box("hvcC", bytes(22) + bytes([len(units)]) + arrays))
    nested = box("stsd", bytes(7) + b"\1" + entry)
    for name in reversed(ENTRY[:-2]):
        nested = box(name, nested)
    return nested


def test_sei_messages_say_what_boxes_do():
    (_, display), (_, light) = boxes(light_boxes(HDR))
    whole = h265((5, b"made by"), (144, light), (137, display))
    assert light_in_sei(whole) == known_light(HDR) == light_boxes(HDR)
    assert light_in_sei(h265((144, light))) == known_light(HDR.model_copy(update={"mastering_display": None}))
    assert light_in_sei(h265((144, bytes(4)))) == known_light(HdrFacts(transfer=Transfer.PQ)) == b""
    assert light_in_sei(h265((137, display), kind=40)) == b""
    assert light_in_sei(init()) == b""


@pytest.mark.parametrize("left", range(0, 60, 7))
def test_a_configuration_that_is_cut_off_says_less_and_stops_nobody(left):
    [(_, display), _] = boxes(light_boxes(HDR))
    [configuration] = within(h265((137, display)), (*ENTRY, "hvcC"))
    cut = rewritten(h265((137, display)), (*ENTRY, "hvcC"), lambda _: configuration[:left])
    assert light_in_sei(cut) != light_boxes(HDR)
