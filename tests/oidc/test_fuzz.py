"""Whatever is sent, nothing breaks: requests that hypothesis makes of nothing, past all that a library puts right."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote_from_bytes, urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from broker.tenants.model import mappings
from broker.web.errors import MANAGEMENT_PREFIX
from providers.standins import NORTHWIND, Standins
from tests.oidc.described import OPERATIONS
from tests.oidc.jose.samples import ANY_JSON, ANY_TOKEN, base64url
from tests.oidc.rubbish import NAMES, VALUES, Answer, Request, ask, requests
from tests.organizations import SignedIn, organization
from tests.security.table.house import ASSERTION_TYPE, House, open_house
from tests.world import CALLBACK

# The same examples each time, shown as they were found.
PHASES = (Phase.generate,)
CHECKS = tuple(HealthCheck)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, standins: Standins, migrated_sqlite: Path) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("fuzz")
    database = shutil.copy(migrated_sqlite, folder / "vestibule.db")
    with open_house(folder, standins, f"sqlite:///{database}") as this:
        this.made["known"] = _known(this)
        yield this


def _known(house: House) -> dict[str, str]:
    """Have the person who is signed in be an admin, of an organisation with a tenant, and return what there is."""
    own = organization(house.world, SignedIn(world=house.world, visitor=house.person), "Example")
    admin, verbs = own.fresh_admin(), house.world.parts.people.mappings
    with house.world.parts.database.begin() as connection:
        tenant = verbs.request(connection, admin, "entra", NORTHWIND, "A tenant")
        connection.execute(update(mappings).where(mappings.c.id == tenant.id).values(state="active"))
    return {"organization_id": own.id, "mapping_id": tenant.id, "context": "c1", "provider_id": "entra"}


def _cookies(house: House) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in house.person.http.cookies)


# What hypothesis makes of nothing.


def test_rubbish_at_every_address_breaks_nothing(house: House) -> None:
    app = house.world.app

    @settings(max_examples=300, phases=PHASES, suppress_health_check=CHECKS)
    @given(requests(list(app.url_map.iter_rules()), house.made["known"]), st.booleans())
    def answered(request: Request, signed_in: bool) -> None:
        if signed_in:
            request = replace(request, headers={"HTTP_COOKIE": _cookies(house), **request.headers})
        proper(app, request, ask(app, request))

    answered()


def proper(app: Flask, request: Request, answer: Answer) -> None:
    """Hold an answer to what all answers are, and to what those of its endpoint are."""
    assert answer.status < 500, (request, answer.text)
    assert "Traceback" not in answer.text
    if request.method in ("HEAD", "OPTIONS") or answer.status < 400:
        return
    assert answer.headers["Cache-Control"] == "no-store"
    if "HTTP_HOST" in request.headers:
        return  # an odd one is refused before anybody knows what it is for
    if request.path.startswith(MANAGEMENT_PREFIX.encode()):
        assert answer.headers["Content-Type"] == "application/problem+json", (request, answer)
        assert json.loads(answer.text)["code"], answer.text
    elif for_programs(app, request):
        assert answer.headers["Content-Type"] == "application/json", (request, answer)
        assert json.loads(answer.text)["error"], answer.text
    elif "HTTP_ACCEPT" not in request.headers:
        assert answer.text.startswith("<!doctype html>"), (request, answer)
        assert "Vestibule" in answer.text


def for_programs(app: Flask, request: Request) -> bool:
    """Return whether a request is sent to one of the JSON endpoints, were it by a method that it does not know."""
    addresses, path = app.url_map.bind("localhost"), request.path.decode(errors="replace")
    for method in (request.method, "GET", "POST"):
        try:
            return str(addresses.match(path, method=method)[0]).startswith("oidc_api.")
        except MethodNotAllowed:
            continue
        except HTTPException:
            return False
    raise AssertionError("every address answers to one of them")


PLAUSIBLE: dict[str, st.SearchStrategy[str]] = {
    "response_type": st.sampled_from(("code", "token", "code id_token", "none")),
    "client_id": st.sampled_from(("basic", "third", "loose", "pushing", "signing", "api")),
    "redirect_uri": st.sampled_from((CALLBACK, "https://evil.example/", f"{CALLBACK}?x")),
    "scope": st.sampled_from(("openid", "openid email offline_access", "openid openid", " openid", "email")),
    "response_mode": st.sampled_from(("query", "form_post", "fragment")),
    "prompt": st.sampled_from(("none", "login", "consent", "select_account", "login consent", "none login", "create")),
    "max_age": st.sampled_from(("0", "1", "600", "999999999", "-1", "1e3", "\u0663")) | st.integers().map(str),
    "claims": st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(
                    ("id_token", "userinfo", "acr", "auth_time", "sub", "email", "value", "values", "essential")
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=6,
    ).map(json.dumps),
    "code_challenge_method": st.sampled_from(("S256", "plain", "")),
    "provider": st.sampled_from(("github", "entra", "nobody", "../github")),
    "dpop_jkt": st.sampled_from(("x" * 43, "x")),
}


def test_no_authorization_request_breaks_anything_or_leads_astray(house: House) -> None:
    app, names = house.world.app, sorted({*NAMES, *house.request("basic").parameters})
    values = VALUES.map(lambda value: value.decode("latin-1"))
    change = st.sampled_from(names).flatmap(lambda name: st.tuples(st.just(name), PLAUSIBLE.get(name, values) | values))

    @settings(max_examples=200, phases=PHASES, suppress_health_check=CHECKS)
    @given(st.lists(change, max_size=4), st.booleans(), st.booleans(), st.sampled_from(("basic", "third", "loose")))
    def answered(changes: list[tuple[str, str]], signed_in: bool, twice: bool, client_id: str) -> None:
        good = dict(house.request(client_id).parameters)
        pairs = [*good.items(), *changes] if twice else list({**good, **dict(changes)}.items())
        cookies = {"HTTP_COOKIE": _cookies(house)} if signed_in else {}
        request = Request(
            path=b"/authorize", query=urlencode(pairs, encoding="latin-1", errors="replace"), headers=cookies
        )
        answer = ask(app, request)
        proper(app, request, answer)
        assert answer.status in (200, 302, 400)
        goes_to = answer.headers.get("Location", "/signin/")
        assert goes_to.startswith((f"{CALLBACK}?", "/signin/", "/consent/")), goes_to
        assert answer.status != 200 or f'action="{CALLBACK}"' in answer.text

    answered()


def test_no_token_breaks_what_reads_it(house: House) -> None:
    app = house.world.app
    key = house.world.parts.keys.active("ES256", house.world.clock())
    headers = ANY_JSON | st.dictionaries(
        st.sampled_from(("alg", "typ", "crit", "b64", "jwk", "x")), ANY_JSON, max_size=3
    ).map(lambda members: {"alg": "ES256", "kid": key.kid, "typ": "at+jwt", **members})
    shaped = st.builds(
        lambda header, claims, signature: ".".join(map(base64url, (header, claims, signature))),
        headers.map(lambda header: json.dumps(header).encode()),
        ANY_JSON.map(lambda claims: json.dumps(claims).encode()),
        st.binary(max_size=64),
    )
    texts = (shaped | ANY_TOKEN).map(lambda text: text.encode("utf-8", "surrogatepass"))

    @settings(max_examples=60, phases=PHASES, suppress_health_check=CHECKS)
    @given(texts)
    def answered(token: bytes) -> None:
        sent = quote_from_bytes(token)
        for request in (
            _form("/introspect", f"token={sent}", _basic(house)),
            _form("/revoke", f"token={sent}", _basic(house)),
            _form("/userinfo", f"access_token={sent}", {}),
            _form(
                "/token",
                f"grant_type=client_credentials&client_assertion_type={ASSERTION_TYPE}&client_assertion={sent}",
                {},
            ),
            _form("/token", "grant_type=client_credentials", {**_basic(house), "HTTP_DPOP": _header(token)}),
            _form("/par", f"request={sent}", _basic(house)),
            Request(path=b"/userinfo", headers={"HTTP_AUTHORIZATION": f"Bearer {_header(token)}"}),
            Request(path=b"/logout", query=f"id_token_hint={sent}"),
        ):
            proper(app, request, ask(app, request))

    answered()


def _form(path: str, body: str, headers: dict[str, str]) -> Request:
    content_type = "application/x-www-form-urlencoded"
    return Request(method="POST", path=path.encode(), body=body.encode(), content_type=content_type, headers=headers)


def _basic(house: House) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": house.credentials("basic")[1]["Authorization"]}


def _header(token: bytes) -> str:
    return re.sub(rb"[\r\n\0]", b"", token).decode("latin-1")


def test_no_form_of_a_page_breaks_it(house: House) -> None:
    """Of somebody who is signed in, and from a page of ours, so that the form is read."""
    app, token = house.world.app, house.person.page(house.person.get("/account")).form_token()
    # These ask nothing more than the token, and end the session.
    last = {
        "signin.sign_out",
        "logout.confirm",
        "accounts.sign_out_everywhere",
        "accounts.erase",
        "accounts.end_session",
    }
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ())
        and not rule.endpoint.startswith(("oidc_api.", "management."))
        and rule.endpoint not in last
    ]

    @settings(max_examples=120, phases=PHASES, suppress_health_check=CHECKS)
    @given(requests(rules, house.made["known"]))
    def answered(request: Request) -> None:
        body = request.body + f"&csrf_token={token}".encode()
        headers = {"HTTP_COOKIE": _cookies(house)}
        form = replace(_form("", "", headers), path=request.path, body=body)
        proper(app, form, ask(app, form))

    answered()


# What was found, once each.


def test_what_is_refused_before_it_gets_to_a_json_endpoint_is_answered_in_json_too(house: House) -> None:
    for path in sorted({name.split(" ")[1].replace("{client_id}", "x") for name in OPERATIONS[:-1]}):
        for method, host, refused in (("PATCH", "localhost", 405), ("GET", "..", 400), ("POST", "..", 400)):
            response = house.send(method, path, headers={"Host": host})
            assert response.status_code == refused
            assert response.headers["Content-Type"] == "application/json", (method, path)
            assert response.json()["error"] == {400: "invalid_request", 405: "method_not_allowed"}[refused]
            assert response.headers["Cache-Control"] == "no-store"


def test_a_browser_that_posts_too_much_to_authorize_is_shown_a_page(house: House) -> None:
    response = house.send("POST", "/authorize", data={"state": "x" * 70_000})
    assert response.status_code == 413
    assert response.text.startswith("<!doctype html>")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_authorization_request_that_is_not_utf_8_is_refused_and_not_changed(house: House, method: str) -> None:
    """RFC 6749 appendix B. A state that is changed on the way is worse than none."""
    good = {name: value for name, value in house.request("basic", prompt="none").parameters.items() if name != "state"}
    parameters = f"{urlencode(good)}&state=%ff".encode()
    if method == "GET":
        answer = ask(house.world.app, Request(path=b"/authorize", query=parameters.decode()))
    else:
        posted = ask(house.world.app, replace(_form("/authorize", "", {}), body=parameters))
        if posted.status != 303:
            assert posted.status == 400
            return
        query = posted.headers["Location"].partition("?")[2]
        answer = ask(house.world.app, Request(path=b"/authorize", query=query))
    assert "25FF" not in answer.headers.get("Location", "").upper()
    assert answer.status == 400 or "error=invalid_request" in answer.headers["Location"]


def test_a_query_of_raw_bytes_breaks_nothing(house: House) -> None:
    """PEP 3333 lets servers pass them on."""
    app = house.world.app
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods or ()):
            path = re.sub(r"[<>]", "", rule.rule)
            answer = ask(app, replace(_form(path, "x=y", {}), method=method, query="x=\xff\xfe"))
            assert answer.status < 500, (method, rule.rule)
