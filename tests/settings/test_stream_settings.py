"""Streams: whom a client is told by, and every mistake in the operator's words, without what is secret in it."""

from pathlib import Path

import pytest

from broker.settings import load
from tests.settings.test_settings import minimal, problems, write


def stream(text: str, client_id: str = "my-registry") -> str:
    return f'[streams."{client_id}"]\n{text}\n'


def test_a_stream_is_pushed_to_an_address_or_asked_for(tmp_path: Path) -> None:
    pushed = stream('url = "https://registry.example.org/events"\nauthorization = "Bearer must-not-show"')
    settings = load(write(tmp_path, minimal(), pushed + stream("", "other")), {})
    told, asking = settings.streams["my-registry"], settings.streams["other"]
    assert told.url == "https://registry.example.org/events"
    assert told.authorization is not None
    assert told.authorization.get_secret_value() == "Bearer must-not-show"
    assert "must-not-show" not in repr(settings)
    assert (asking.url, asking.authorization) == (None, None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/events", "http://localhost/events", "http://[::1]:9/"])
def test_plain_http_is_for_this_machine(tmp_path: Path, url: str) -> None:
    assert load(write(tmp_path, minimal(), stream(f'url = "{url}"')), {}).streams["my-registry"].url == url


@pytest.mark.parametrize(
    "text, key",
    [
        ('url = "http://registry.example.org/events"', "url"),
        ('url = "https://user:must-not-show@registry.example.org/"', "url"),
        ('url = "registry.example.org"', "url"),
        ('authorization = "Bearer must-not-show"', "authorization"),
        ('url = "https://registry.example.org/"\nauthorization = "must-not-show\\r\\nX: y"', "authorization"),
        ('url = "https://registry.example.org/"\nauthorization = "must-not-shöw"', "authorization"),
        ('url = "https://registry.example.org/"\nauthorization = " "', "authorization"),
        ('uri = "https://registry.example.org/"', "uri"),
    ],
)
def test_what_is_wrong_with_a_stream_is_named_and_not_quoted(tmp_path: Path, text: str, key: str) -> None:
    found = problems(write(tmp_path, minimal(), stream(text)))
    assert set(found) == {f"streams.my-registry.{key}"}
    assert "must-not" not in str(found)


def test_a_wrong_address_is_the_one_mistake_there_is(tmp_path: Path) -> None:
    text = 'url = "http://registry.example.org/"\nauthorization = "Bearer must-not-show"'
    assert set(problems(write(tmp_path, minimal(), stream(text)))) == {"streams.my-registry.url"}


@pytest.mark.parametrize("client_id", ["my registry", "a/b", "x" * 129])
def test_a_stream_of_what_can_be_no_client_is_named(tmp_path: Path, client_id: str) -> None:
    assert set(problems(write(tmp_path, minimal(), stream("", client_id)))) == {f"streams.{client_id}"}
