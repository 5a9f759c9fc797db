"""/register over HTTP: who may, what must be sent, and that nothing else is a 500."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import settings as fewer
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from broker.app import create_app, parts
from broker.oidc.registration.initial import InitialTokens
from broker.oidc.strict import MAX_BODY
from tests.oidc.jose.samples import ANY_JSON
from tests.oidc.registration.conftest import CALLBACK, ISSUER, NOW, asked, settings
from tests.oidc.registration.test_metadata import EVERYTHING

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A broker in this process, and an initial access token of its operator's."""

    app: Flask
    initial_token: str

    def ask(self, method: str, path: str, token: str | None, **options: Any) -> TestResponse:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        headers |= options.pop("headers", {})
        response = self.app.test_client().open(path, method=method, base_url=ISSUER, headers=headers, **options)
        assert "no-store" in response.headers["Cache-Control"]
        return response

    def register(self, **changes: Any) -> dict[str, Any]:
        response = self.ask("POST", "/register", self.initial_token, json=asked(**changes))
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.get_json()
        return answer


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Any) -> Iterator[Broker]:
    path = shutil.copy(migrated_sqlite, tmp_path_factory.mktemp("registration") / "vestibule.db")
    known = settings().model_copy(
        update={"database": settings().database.model_copy(update={"url": f"sqlite:///{path}"})}
    )
    app = create_app(known, clock=lambda: NOW)
    found = parts(app)
    with found.database.begin() as connection:
        token = InitialTokens(found.audit).create(connection, NOW + timedelta(days=1), NOW)
    yield Broker(app=app, initial_token=token)
    found.close()


def path_of(answer: Json) -> str:
    uri = str(answer["registration_client_uri"])
    assert uri.startswith(ISSUER + "/")
    return uri.removeprefix(ISSUER)


def error_of(response: TestResponse) -> str:
    document = response.get_json()
    assert set(document) == {"error", "error_description"}
    return str(document["error"])


def test_a_client_registers_reads_changes_and_removes_itself(broker: Broker) -> None:
    answer = broker.register(client_name="One")
    path, token = path_of(answer), answer["registration_access_token"]
    read = broker.ask("GET", path, token)
    assert (read.status_code, read.get_json()["client_name"]) == (200, "One")
    change = {"client_id": answer["client_id"], **asked(client_name="Two")}
    changed = broker.ask("PUT", path, token, json=change)
    assert (changed.status_code, changed.get_json()["client_name"]) == (200, "Two")
    gone = broker.ask("DELETE", path, token)
    assert (gone.status_code, gone.data) == (204, b"")
    assert broker.ask("GET", path, token).status_code == 401


def test_everything_that_can_be_registered_is_answered(broker: Broker) -> None:
    without = {name: value for name, value in EVERYTHING.items() if name != "sector_identifier_uri"}
    answer = broker.register(**{**without, "redirect_uris": [CALLBACK]})
    assert {name: answer[name] for name in without} == {**without, "redirect_uris": [CALLBACK]}


def test_t8_what_is_the_operators_stays_the_operators(broker: Broker) -> None:
    answer = broker.register(first_party=True, resources=["https://api.example.com"], insecure_pkce_optional=True)
    client = parts(broker.app).clients.get(answer["client_id"])
    assert client is not None
    assert (client.first_party, client.resources, client.insecure_pkce_optional) == (False, frozenset(), False)


def test_t8_no_client_gives_itself_a_scope_of_the_management_api(broker: Broker) -> None:
    response = broker.ask("POST", "/register", broker.initial_token, json=asked(scope="openid organizations.manage"))
    assert (response.status_code, error_of(response)) == (400, "invalid_client_metadata")


def test_t8_no_client_gives_itself_the_scope_of_the_old_world(broker: Broker) -> None:
    response = broker.ask("POST", "/register", broker.initial_token, json=asked(scope="openid registry_accounts"))
    assert (response.status_code, error_of(response)) == (400, "invalid_client_metadata")


HEADERS: dict[str, dict[str, str]] = {
    "none": {},
    "another scheme": {"Authorization": "Basic dml0OnZpdA=="},
    "no token": {"Authorization": "Bearer"},
    "blank": {"Authorization": "Bearer  "},
    "wrong": {"Authorization": "Bearer vit_wrong"},
    "odd bytes": {"Authorization": "Bearer \xff\xfe"},
    "long": {"Authorization": "Bearer " + "x" * 8000},
    "DPoP": {"Authorization": "DPoP vit_wrong", "DPoP": "x"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
def test_t4_without_the_right_token_nothing_is_read_nor_told(broker: Broker, headers: dict[str, str]) -> None:
    known = path_of(broker.register())
    answers = []
    for method, path in (
        ("POST", "/register"),
        *((method, path) for method in ("GET", "PUT", "DELETE") for path in (known, "/register/" + "A" * 22)),
    ):
        # Not even a body that is no JSON tells whoever has no token anything else.
        response = broker.ask(method, path, None, headers=headers, data=b"\xff", content_type="text/plain")
        assert error_of(response) == "invalid_token"
        answers.append((response.status_code, response.data, response.headers["WWW-Authenticate"]))
    assert len(set(answers)) == 1
    said = ', error="invalid_token"' if headers else ""
    assert answers[0][0::2] == (401, f'Bearer realm="vestibule"{said}')


def test_t4_no_token_is_good_for_anything_but_its_own_client(broker: Broker) -> None:
    mine, theirs = broker.register(), broker.register()
    change = {"client_id": theirs["client_id"], **asked(redirect_uris=["https://evil.example/"])}
    for token in (mine["registration_access_token"], mine["client_secret"], broker.initial_token):
        for method in ("GET", "PUT", "DELETE"):
            assert broker.ask(method, path_of(theirs), token, json=change).status_code == 401
    for token in (mine["registration_access_token"], mine["client_secret"]):
        assert broker.ask("POST", "/register", token, json=asked()).status_code == 401
    assert broker.ask("GET", path_of(theirs), theirs["registration_access_token"]).status_code == 200


@pytest.mark.parametrize("path", ["%00", "%ff", "a%2fb", "..", "%", "x" * 3000, "\N{SNOWMAN}", "' or 1=1"])
def test_what_is_no_client_id_is_nobodys(broker: Broker, path: str) -> None:
    response = broker.app.test_client().get(f"/register/{path}", base_url=ISSUER, headers={"Authorization": "Bearer x"})
    assert response.status_code in (401, 404)


# body, content type, status
BODIES: dict[str, tuple[bytes, str | None, int]] = {
    "nothing": (b"", "application/json", 400),
    "no type": (json.dumps(asked()).encode(), None, 400),
    "a form": (b"redirect_uris=https%3A%2F%2Fx.example%2F", "application/x-www-form-urlencoded", 400),
    "text": (json.dumps(asked()).encode(), "text/plain", 400),
    "no JSON": (b"{", "application/json", 400),
    "an array": (b"[]", "application/json", 400),
    "no UTF-8": (b'{"client_name": "\xff"}', "application/json", 400),
    "UTF-16": (json.dumps(asked()).encode("utf-16"), "application/json; charset=utf-16", 400),
    "NaN": (b'{"default_max_age": NaN}', "application/json", 400),
    "half a character": (b'{"client_name": "\\ud800"}', "application/json", 400),
    "a member twice": (
        f'{{"redirect_uris": ["{CALLBACK}"], "redirect_uris": ["https://evil.example/"]}}'.encode(),
        "application/json",
        400,
    ),
    "deep": (b'{"a":' * 1000 + b"1" + b"}" * 1000, "application/json", 400),
    "large": (json.dumps(asked(x="x" * MAX_BODY)).encode(), "application/json", 413),
    "very large": (json.dumps(asked(x="x" * 100_000)).encode(), "application/json", 413),
}


@pytest.mark.parametrize("body, content_type, status", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_not_one_json_object_is_a_clear_error(
    broker: Broker, body: bytes, content_type: str | None, status: int
) -> None:
    answer = broker.register()
    for method, path, token in (
        ("POST", "/register", broker.initial_token),
        ("PUT", path_of(answer), answer["registration_access_token"]),
    ):
        response = broker.ask(method, path, token, data=body, content_type=content_type)
        assert response.status_code == status
        assert error_of(response) == "invalid_request"


def test_a_body_without_a_length_is_held_to_the_same_size(broker: Broker) -> None:
    for size in (MAX_BODY, 100_000):
        builder = EnvironBuilder(
            path="/register",
            method="POST",
            base_url=ISSUER,
            headers=[("Authorization", f"Bearer {broker.initial_token}")],
            json=asked(x="x" * size),
        )
        environ = {**builder.get_environ(), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        del environ["CONTENT_LENGTH"]
        body, status, _ = run_wsgi_app(broker.app, environ)
        assert (status[:3], json.loads(b"".join(body))["error"]) == ("413", "invalid_request")


def test_t8_nothing_is_taken_from_the_url(broker: Broker) -> None:
    answer = broker.register()
    for method, path in (("POST", "/register"), ("GET", path_of(answer)), ("DELETE", path_of(answer))):
        response = broker.ask(method, f"{path}?access_token={answer['registration_access_token']}", None, json=asked())
        assert (response.status_code, error_of(response)) == (400, "invalid_request")


def test_t6_the_error_names_what_is_wrong(broker: Broker) -> None:
    answer = broker.register()
    bad = asked(redirect_uris=["http://evil.example/"])
    for method, path, token in (
        ("POST", "/register", broker.initial_token),
        ("PUT", path_of(answer), answer["registration_access_token"]),
    ):
        response = broker.ask(method, path, token, json={"client_id": answer["client_id"], **bad})
        assert (response.status_code, error_of(response)) == (400, "invalid_redirect_uri")
        assert "redirect_uris[0] uses http" in response.get_json()["error_description"]


def test_t5_a_client_that_goes_while_it_changes_itself_is_told_nothing(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = broker.register()
    path, token = path_of(answer), answer["registration_access_token"]
    find = type(parts(broker.app).clients).registered
    seen: list[str] = []

    def found_once(*arguments: Any) -> Any:
        seen.append("look")
        return find(*arguments) if len(seen) == 1 else None

    monkeypatch.setattr(type(parts(broker.app).clients), "registered", found_once)
    change = {"client_id": answer["client_id"], **asked()}
    assert broker.ask("PUT", path, token, json=change).status_code == 401
    assert len(seen) == 2


@fewer(max_examples=40)  # every example that is good is a row in the database
@given(
    body=st.binary(max_size=60)
    | st.dictionaries(st.sampled_from([*EVERYTHING]), ANY_JSON).map(lambda document: json.dumps(document).encode())
)
def test_whatever_body_comes_the_answer_is_no_500(broker: Broker, body: bytes) -> None:
    response = broker.ask("POST", "/register", broker.initial_token, data=body, content_type="application/json")
    assert response.status_code in (201, 400)
