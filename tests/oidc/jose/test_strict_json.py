"""JSON from outside (T9)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.oidc.jose.strict_json import MAX_DEPTH, json_object


def nested(levels: int) -> bytes:
    return b'{"a":' * (levels - 1) + b"{}" + b"}" * (levels - 1)


def test_an_object_is_read_as_it_is() -> None:
    text = '{"a": [1, 2.5, true, null, "\\ud83d\\ude00 é"], "b": {}}'
    assert json_object(text.encode()) == {"a": [1, 2.5, True, None, "😀 é"], "b": {}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b"{} {}",
        b"{'a': 1}",
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "\\u0062": 2}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": [-1e999]}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        nested(MAX_DEPTH + 1),
        nested(100_000),
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_t9_what_two_readers_could_differ_about_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_object(data)


def test_t9_sixteen_levels_are_enough() -> None:
    assert json_object(nested(MAX_DEPTH))


@given(st.binary() | st.text().map(str.encode))
def test_t9_any_bytes_are_an_object_or_a_value_error(data: bytes) -> None:
    try:
        assert isinstance(json_object(data), dict)
    except ValueError:
        return
