"""docs/openapi.yaml: it says what there is and nothing else, and what it says of each answer is so."""

import shutil
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from broker.oidc.registration.initial import InitialTokens
from providers.standins import Standins
from tests.conftest import NetworkRefused
from tests.oidc.answers import ANSWERS
from tests.oidc.described import MANAGEMENT_OPERATIONS, OPERATIONS, checks, conforms, operation, schema, statuses
from tests.security.table.house import MANAGEMENT_TOKEN, House, open_house

# Rules of the API's blueprint that answer a browser, and one of the pages that answers in JSON.
FOR_BROWSERS = {("POST", "/authorize")}
OF_PAGES = {("GET", "/account/data.json")}
AS_GENERATED, AUTHENTICATED, GOOD = "as generated", "authenticated", "good but for what is changed"
CLIENTS = ("basic", "post", "signer", "public", "bound", "third", "api")
# What has no parameters cannot be called with wrong ones.
TAKES_NOTHING = OPERATIONS[:3]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("described")
    database = shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with pytest.MonkeyPatch.context() as patch, open_house(folder, standins, f"sqlite:///{database}") as this:
        patch.setattr(socket, "getaddrinfo", _nobody_known(socket.getaddrinfo))
        yield this


def _nobody_known(look_up: Any) -> Any:
    """No name leads anywhere but here: a client may register any address for us to call."""

    def getaddrinfo(*asked: Any, **options: Any) -> Any:
        try:
            return look_up(*asked, **options)
        except NetworkRefused as refused:
            raise socket.gaierror("not here") from refused

    return getaddrinfo


def test_the_document_is_valid() -> None:
    schema().validate()
    described = [result.ok().label for result in schema().get_all_operations()]
    assert described == [*OPERATIONS, *MANAGEMENT_OPERATIONS]


def test_every_json_endpoint_is_described_and_nothing_else(house: House) -> None:
    served = {
        (method, rule.rule.replace("<", "{").replace(">", "}"))
        for rule in house.world.app.url_map.iter_rules()
        if rule.endpoint.startswith("oidc_api.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {tuple(each.split(" ")) for each in OPERATIONS} == (served - FOR_BROWSERS) | OF_PAGES


def test_metadata_describes_the_same_endpoints(house: House) -> None:
    document = house.send("GET", "/.well-known/openid-configuration").json()
    described = {each.split(" ")[1] for each in OPERATIONS}
    named = {
        str(url).removeprefix(house.base) for name, url in document.items() if name.endswith(("_endpoint", "_uri"))
    }
    assert named - {"/authorize", "/logout"} == {
        path for path in described if not path.startswith(("/.well-known/", "/account/", "/register/", "/events/"))
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_that_is_described_happens_and_is_as_described(house: House, name: str) -> None:
    answers = ANSWERS[name](house)
    for response in answers:
        conforms(name, response)
    assert {response.status_code for response in answers} == statuses(name) - {503}


# What schemathesis makes of the description.


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_sent_to_an_operation_the_answer_is_as_described(house: House, name: str, mode: str) -> None:
    if mode == "negative" and name in TAKES_NOTHING:
        return
    from schemathesis import GenerationMode

    app, looked_at = house.world.app, checks()

    @settings(max_examples=10, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(
        operation(name).as_strategy(generation_mode=GenerationMode(mode)),
        st.sampled_from((AS_GENERATED, AUTHENTICATED, GOOD)),
        st.sampled_from(CLIENTS),
    )
    def answered(case: Any, way: str, client_id: str) -> None:
        if way != AS_GENERATED:
            _authenticate(house, name, case, client_id)
        if way == GOOD:
            _make_good(house, name, case, client_id)
        response = case.call(app=app)
        case.validate_response(response, checks=looked_at, transport_kwargs={"app": app})

    answered()


def _authenticate(house: House, name: str, case: Any, client_id: str) -> None:
    """Let the case come from a client that is one, or with a token that is one."""
    if "/register" in name:
        case.headers["Authorization"] = (
            f"Bearer {house.once(_initial_token) if name == 'POST /register' else MANAGEMENT_TOKEN}"
        )
        if "{client_id}" in name:
            case.path_parameters["client_id"] = house.once(_client)
    elif name.endswith("/userinfo"):
        case.headers["Authorization"] = f"Bearer {house.once(_tokens)['access_token']}"
    elif name == "POST /events/poll":
        case.headers["Authorization"] = f"Bearer {house.once(_service_token)}"
    elif name == "GET /account/data.json":
        case.headers["Cookie"] = _cookies(house)
    elif name not in TAKES_NOTHING:
        fields, headers = house.credentials(client_id)
        case.headers.pop("Authorization", None)
        case.headers.update(headers)
        if isinstance(case.body, dict):
            own = {key: value for key, value in case.body.items() if not key.startswith("client_")}
            case.body = {**own, **fields}


def _make_good(house: House, name: str, case: Any, client_id: str) -> None:
    """Put what is good in the place of what was generated under the same name."""
    if not isinstance(case.body, dict):
        return
    if name in ("POST /introspect", "POST /revoke"):
        case.body = {**case.body, "token": house.once(_tokens)["refresh_token"]}
    elif name == "POST /par":
        case.body = {**house.request("basic").parameters, **_some(case.body), "client_id": client_id}
    elif name == "POST /token":
        grant = case.body.get("grant_type")
        if grant == "authorization_code" and client_id in ("basic", "post", "signer", "public"):
            case.body = {**case.body, **house.code_form(client_id)}
        elif grant == "refresh_token":
            case.body = {**case.body, "refresh_token": house.once(_tokens)["refresh_token"]}
    elif name.startswith(("POST /register", "PUT /register")):
        case.body = {**_some(case.body), "redirect_uris": ["https://registry.example/cb"]}
        if "{client_id}" in name:
            case.body["client_id"] = house.once(_client)


def _some(body: dict[str, Any]) -> dict[str, Any]:
    """Return the first half of what was generated: with all of it, the first thing wrong would hide the rest."""
    return dict(list(body.items())[: (len(body) + 1) // 2])


def _tokens(house: House) -> object:
    return house.tokens("basic")


def _service_token(house: House) -> object:
    return house.call("/token", "basic", {"grant_type": "client_credentials"}).json()["access_token"]


def _client(house: House) -> object:
    return house.add_client(first_party=False)


def _initial_token(house: House) -> object:
    parts, now = house.world.parts, house.world.clock()
    with parts.database.begin() as connection:
        return InitialTokens(parts.audit).create(connection, now + timedelta(days=1), now)


def _cookies(house: House) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in house.person.http.cookies)
