"""What a visitor or a client tries with what was given out, while the storage behind it is away (T7)."""

from collections.abc import Callable, Mapping

import requests

from broker.settings.clients import DEVICE_CODE
from tests.security.admins import old_world
from tests.security.table.families import Row
from tests.security.table.house import MANAGEMENT_TOKEN
from tests.security.table.organizations import RESOURCES, ROOMS
from tests.security.table.places import example
from tests.security.table.scenes import Given

Attempt = Callable[[Given], requests.Response]


def _as_client(path: str, **form: str) -> Attempt:
    return lambda given: given.house.call(path, given.client_id, form)


def _grant(name: str) -> Attempt:
    return lambda given: given.house.call("/token", given.client_id, given.forms[name])


def _userinfo(method: str) -> Attempt:
    def attempt(given: Given) -> requests.Response:
        headers = {"Authorization": f"Bearer {given.tokens['access_token']}"}
        return given.house.send(method, "/userinfo", headers=headers)

    return attempt


def _management(method: str) -> Attempt:
    def attempt(given: Given) -> requests.Response:
        document = {"client_id": given.client_id, "redirect_uris": ["https://registry.example/cb"]}
        headers = {"Authorization": f"Bearer {MANAGEMENT_TOKEN}"}
        return given.house.send(method, f"/register/{given.client_id}", json=document, headers=headers)

    return attempt


def _get(path: str) -> Attempt:
    return lambda given: given.visitor.get(path)


def _post(path: str, **form: str) -> Attempt:
    return lambda given: given.visitor.post(path, {**form, "csrf_token": given.form_token})


def _room(method: str, rule: str) -> Attempt:
    """Return an attempt at a page of admins or operators. The link of an invitation is a good one."""
    path = example(rule)

    def attempt(given: Given) -> requests.Response:
        where = given.invitation if rule == "/invitations/<token>" else path
        if method == "GET":
            return given.visitor.get(where)
        form = {"csrf_token": given.form_token, "name": "One more", "kind": "read_only"}
        return given.visitor.post(where, form)

    return attempt


def _resource(method: str, rule: str) -> Attempt:
    def attempt(given: Given) -> requests.Response:
        return given.house.send(method, example(rule), headers={"Authorization": f"Bearer {given.managing}"})

    return attempt


def _work(method: str) -> Attempt:
    """Return an attempt to find the way, by whoever signs in to their account."""

    def attempt(given: Given) -> requests.Response:
        begun = given.visitor.get("/signin")
        if not begun.is_redirect:
            return begun
        path = begun.headers["Location"].replace("/signin/", "/work/")
        if method == "GET":
            return given.visitor.get(path)
        return given.visitor.post(path, {"csrf_token": given.form_token, "work": "contoso.example"})

    return attempt


def _returns(given: Given) -> requests.Response:
    return given.away.come_back(given.returned)


def _door(row: Row) -> Attempt:
    """Return an attempt at what is open to everybody, and to whoever has a link."""
    path = example(row.rule)
    return _get(path) if row.method == "GET" else _post(path, account="somebody", password="x")


# Doors of the old world: what a browser began is in the store, and what mails lead to is in the database.
OF_A_BROWSER = tuple(
    Row(method=rule.method, rule=rule.rule)
    for rule in old_world.DOORS
    if "<attempt_id>" in rule.rule or rule.rule.startswith("/claim/link/") or str(rule) == "POST /claim"
)
FROM_MAILS = tuple(
    Row(method=rule.method, rule=rule.rule)
    for rule in old_world.DOORS
    if "<token>" in rule.rule and not rule.rule.startswith("/claim/")
)

# What needs the short-lived store to know anything, and to use anything up.
NEEDS_STORE: Mapping[Row, Attempt] = {
    Row(method="POST", rule="/par"): lambda given: given.house.call(
        "/par", given.client_id, given.house.request(given.client_id).parameters
    ),
    Row(method="POST", rule="/device_authorization"): _as_client("/device_authorization", scope="openid"),
    Row(method="POST", rule="/token", grant="authorization_code"): _grant("authorization_code"),
    Row(method="POST", rule="/token", grant=DEVICE_CODE): _grant(DEVICE_CODE),
    Row(method="POST", rule="/introspect"): lambda given: given.house.call(
        "/introspect", given.client_id, {"token": given.tokens["access_token"]}
    ),
    Row(method="POST", rule="/revoke"): lambda given: given.house.call(
        "/revoke", given.client_id, {"token": given.tokens["refresh_token"]}
    ),
    Row(method="POST", rule="/events/poll"): lambda given: given.house.send(
        "POST", "/events/poll", json={}, headers={"Authorization": f"Bearer {given.service_token}"}
    ),
    Row(method="GET", rule="/userinfo"): _userinfo("GET"),
    Row(method="POST", rule="/userinfo"): _userinfo("POST"),
    Row(method="GET", rule="/authorize"): lambda given: given.visitor.authorize(given.house.request("basic")),
    Row(method="GET", rule="/consent/<handle>"): lambda given: given.visitor.get(given.consent.url),
    Row(method="POST", rule="/consent/<handle>"): lambda given: given.visitor.post(
        given.consent.url, {"answer": "allow", "csrf_token": given.consent.form_token()}
    ),
    Row(method="POST", rule="/device"): lambda given: _post("/device", user_code=given.user_code)(given),
    Row(method="GET", rule="/device/confirm/<handle>"): lambda given: given.visitor.get(given.device.url),
    Row(method="POST", rule="/device/confirm/<handle>"): lambda given: given.visitor.post(
        given.device.url, {"answer": "allow", "csrf_token": given.device.form_token()}
    ),
    Row(method="GET", rule="/device/confirm/<handle>/another"): lambda given: given.visitor.get(
        f"{given.device.url}/another"
    ),
    Row(method="GET", rule="/signin"): _get("/signin"),
    Row(method="GET", rule="/signin/<transaction_id>"): lambda given: given.away.get(given.transaction),
    Row(method="GET", rule="/signin/<transaction_id>/<provider_id>"): lambda given: given.away.get(
        f"{given.transaction}/github"
    ),
    Row(method="GET", rule="/leave/<transaction_id>"): lambda given: given.away.get(
        given.transaction.replace("/signin/", "/leave/")
    ),
    Row(method="GET", rule="/callback/<provider_id>"): _returns,
    Row(method="POST", rule="/signout"): _post("/signout"),
    Row(method="GET", rule="/logout"): _get("/logout"),
    Row(method="POST", rule="/logout/confirm"): _post("/logout/confirm"),
    Row(method="GET", rule="/probe/<token>"): lambda given: given.visitor.get(f"/probe/{given.probe}"),
    Row(method="GET", rule="/"): _get("/"),
    **{
        Row(method="GET", rule=path): _get(path)
        for path in ("/account", "/account/data.json", "/account/erase", "/account/email/confirm")
    },
    Row(method="POST", rule="/account/name"): _post("/account/name", name="New"),
    Row(method="POST", rule="/account/email"): _post("/account/email", email="new@elsewhere.example"),
    Row(method="POST", rule="/account/email/confirm"): _post("/account/email/confirm", token="x"),
    Row(method="POST", rule="/account/offer"): _post("/account/offer", action="take"),
    Row(method="POST", rule="/account/link/<provider_id>"): _post("/account/link/entra"),
    Row(method="POST", rule="/account/unlink/<identity_id>"): _post("/account/unlink/x"),
    Row(method="POST", rule="/account/registries/withdraw"): lambda given: _post(
        "/account/registries/withdraw", client_id=given.client_id
    )(given),
    Row(method="POST", rule="/account/sessions/<sid>/end"): _post("/account/sessions/x/end"),
    Row(method="POST", rule="/account/sessions/end-others"): _post("/account/sessions/end-others"),
    Row(method="POST", rule="/account/sign-out-everywhere"): _post("/account/sign-out-everywhere"),
    Row(method="POST", rule="/account/erase"): _post("/account/erase", confirm="erase"),
    **{Row(method=method, rule="/work/<transaction_id>"): _work(method) for method in ("GET", "POST")},
    **{row: _room(row.method, row.rule) for row in ROOMS},
    **{row: _resource(row.method, row.rule) for row in RESOURCES},
    **{Row(method=rule.method, rule=rule.rule): _room(rule.method, rule.rule) for rule in old_world.CASES},
    **{row: _door(row) for row in (*OF_A_BROWSER, Row(method="GET", rule="/recover"))},
}

WITHOUT_STORE: Mapping[Row, str] = {
    **{
        Row(method="GET", rule=path): "from memory"
        for path in (
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            "/jwks",
            "/assets/<name>",
            "/device",
            "/for-admins/<provider_id>/<code>",
            "/claim",
        )
    },
    Row(method="GET", rule="/livez"): "says that the process answers, and nothing of what is behind it",
    Row(method="GET", rule="/readyz"): "says of itself that the store is away: test_storage.py",
    **dict.fromkeys(FROM_MAILS, "kept in the database"),
    Row(method="POST", rule="/token", grant="refresh_token"): "used up in the database",
    Row(method="POST", rule="/token", grant="client_credentials"): "used up nowhere; what signs is: NEEDS_STORE of T7",
    Row(method="POST", rule="/authorize"): "it only asks again by GET",
    Row(method="POST", rule="/logout"): "it only asks again by GET",
    Row(method="POST", rule="/callback/<provider_id>"): "it only sends on to itself, by GET",
    Row(method="GET", rule="/probe/<token>/done"): "kept in the database",
    **{
        Row(method=method, rule=rule): "kept in the database"
        for method, rule in (
            ("POST", "/register"),
            ("GET", "/register/<client_id>"),
            ("PUT", "/register/<client_id>"),
            ("DELETE", "/register/<client_id>"),
        )
    },
}

# What begins with the store, and is content with it.
WITHOUT_DATABASE = frozenset(
    {
        *(("GET", rule) for rule in ("/", "/logout", "/signin", "/signin/<transaction_id>", "/work/<transaction_id>")),
        ("GET", "/signin/<transaction_id>/<provider_id>"),
        ("GET", "/callback/<provider_id>/consent"),
        *((row.method, row.rule) for row in OF_A_BROWSER if row.rule != "/claim"),
    }
)

# What looks into the database before it does anything else, or at last.
NEEDS_DATABASE: Mapping[Row, Attempt] = {
    **{row: attempt for row, attempt in NEEDS_STORE.items() if (row.method, row.rule) not in WITHOUT_DATABASE},
    Row(method="POST", rule="/token", grant="refresh_token"): _grant("refresh_token"),
    Row(method="POST", rule="/token", grant="client_credentials"): _grant("client_credentials"),
    **{Row(method=method, rule="/register/<client_id>"): _management(method) for method in ("GET", "PUT", "DELETE")},
    **{row: _door(row) for row in FROM_MAILS},
    Row(method="POST", rule="/register"): lambda given: given.house.send(
        "POST", "/register", json={}, headers={"Authorization": "Bearer x"}
    ),
}
