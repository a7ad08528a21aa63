import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.strict_json import MalformedJsonError, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_reads_whatever_is_written_as_json(value):
    assert loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b'{"outer": {"b": 1, "b": 1}}', "'b' stands twice"),
        (b"[NaN]", "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 10_000 + b"]", "too long"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b'{"a": 1', "line 1, column 8"),
        (b'{"a": 1} {"a": 2}', "not JSON"),
        (b"", "not JSON"),
        (b'["\\ud800"]', "half a character"),
    ],
)
def test_refuses_what_parsers_could_read_differently(raw, complaint):
    with pytest.raises(MalformedJsonError, match=complaint):
        loads(raw)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(raw):
    try:
        value = loads(raw)
    except MalformedJsonError:
        return
    assert json.loads(raw) == value
