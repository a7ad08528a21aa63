import pytest

from lambdas.storage.models import Checksum
from lambdas.storage.recovery import Entry, Good, Remedy, is_good, plan, remedy

SUM = Checksum(algorithm="CRC64NVME", value="abc=", whole=True)
GOOD = Good(version_id="good", size_bytes=10, checksum=SUM)


def version(name):
    return Entry(version_id=name, delete_marker=False)


def marker(name):
    return Entry(version_id=name, delete_marker=True)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ((version("good"), version("old")), Remedy.NONE),
        ((marker("m1"), version("good")), Remedy.UNDELETE),
        ((marker("m2"), marker("m1"), version("good"), version("old")), Remedy.UNDELETE),
        ((version("bad"), version("good")), Remedy.PUT_BACK),
        ((marker("m"), version("bad"), version("good")), Remedy.PUT_BACK),
        ((version("bad"), marker("m"), version("good")), Remedy.PUT_BACK),
        ((version("bad"),), Remedy.COPY),
        ((marker("m"), version("old")), Remedy.COPY),
        ((), Remedy.COPY),
    ],
)
def test_the_cheapest_remedy_that_is_left(history, expected):
    assert remedy(GOOD, history=history) is expected


def test_a_plan_has_a_remedy_for_each_object_even_one_without_a_trace():
    assert plan({"a": GOOD, "b": GOOD}, histories={"a": (version("good"),)}) == {"a": Remedy.NONE, "b": Remedy.COPY}


@pytest.mark.parametrize(
    ("size", "checksum", "expected"),
    [
        (10, SUM, True),
        (11, SUM, False),
        (10, SUM.model_copy(update={"value": "xyz="}), False),
        (10, None, True),
        (11, None, False),
        (10, Checksum(algorithm="SHA256", value="def=", whole=True), True),
    ],
)
def test_what_is_as_it_was(size, checksum, expected):
    assert is_good(GOOD, size_bytes=size, checksum=checksum) is expected


def test_a_checksum_of_parts_is_not_compared_with_one_of_the_whole():
    in_parts = GOOD._replace(checksum=SUM.model_copy(update={"whole": False}))
    assert is_good(in_parts, size_bytes=10, checksum=SUM.model_copy(update={"value": "xyz="}))
