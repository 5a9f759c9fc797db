"""One broker, with a client for every way that a client can be, and somebody who is signed in."""

import secrets
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any

import requests

from broker.oidc.scopes import MANAGEMENT
from broker.settings.clients import DEVICE_CODE, ClientMetadata
from providers.standins import Standins
from tests import servers
from tests.migrations.legacy import with_campaign
from tests.oidc.jose.samples import EC, Members, public
from tests.oidc.jose.samples import jwt as signed
from tests.oidc.kinds import API
from tests.world import CALLBACK, TIMEOUT, AuthRequest, Page, Visitor, World, arrival, running

AFTERWARDS = "http://127.0.0.1:1/signed-out"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EVERY_GRANT = ["authorization_code", "refresh_token", "client_credentials", DEVICE_CODE]
FOR_PEOPLE = ["authorization_code", "refresh_token", DEVICE_CODE]
SCOPES = ["openid", "profile", "email", "offline_access"]
SERVICE = ["introspection", "events"]
# What has happened waits for them to ask.
POLLED = ("basic", "signer", "bound")
WHOLE_SCOPE = " ".join(SCOPES)
KID = "client-key"
# Of every client that a check adds: it manages each of them, and no other.
MANAGEMENT_TOKEN = secrets.token_urlsafe(32)


def clients() -> dict[str, dict[str, Any]]:
    """Return the clients of the table, by what they are."""
    jwks = {"keys": [public(EC, KID)]}
    keyed = {"auth_method": "private_key_jwt", "jwks": jwks, "token_endpoint_auth_signing_alg": "ES256"}
    requesting = {"jwks": jwks, "request_object_signing_alg": "ES256"}

    def client(**changes: Any) -> dict[str, Any]:
        whole = {
            "name": "Example Registry",
            "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": [AFTERWARDS],
            "grant_types": EVERY_GRANT,
            "scopes": [*SCOPES, *SERVICE],
            "id_token_signed_response_alg": "ES256",
            "first_party": True,
            "secret": secrets.token_urlsafe(32),
            **changes,
        }
        return {name: value for name, value in whole.items() if value is not None}

    return {
        "basic": client(**requesting),
        "post": client(auth_method="client_secret_post"),
        "signer": client(
            **keyed, secret=None, access_token_format="jwt", scopes=[*SCOPES, *SERVICE, *sorted(MANAGEMENT)]
        ),
        "public": client(auth_method="none", secret=None, grant_types=FOR_PEOPLE, scopes=SCOPES),
        "third": client(first_party=False, name="Third Party"),
        "bound": client(dpop_bound_access_tokens=True),
        "bound-signer": client(**keyed, secret=None, dpop_bound_access_tokens=True, access_token_format="jwt"),
        "bound-public": client(
            auth_method="none", secret=None, grant_types=FOR_PEOPLE, scopes=SCOPES, dpop_bound_access_tokens=True
        ),
        "pushing": client(require_pushed_authorization_requests=True),
        "signing": client(**requesting, require_signed_request_object=True),
        "loose": client(insecure_pkce_optional=True),
        "api": client(serves=[API], scopes=["introspection"], grant_types=["client_credentials"], redirect_uris=[]),
        "for-api": client(access_token_format="jwt", resources=[API]),
    }


def without_cookies() -> requests.Session:
    """Return a session that keeps no cookies, whatever it is given."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


@dataclass(kw_only=True)
class House:
    """The broker under attack. ``person`` is signed in, and stays so: what ends a session takes another visitor.

    ``until_then`` closes what a check has opened beside it.
    """

    world: World = field(repr=False)
    folder: Path
    person: Visitor = field(repr=False)
    clients: dict[str, Mapping[str, Any]] = field(repr=False)
    until_then: ExitStack = field(repr=False)
    http: requests.Session = field(repr=False, default_factory=without_cookies)
    made: dict[object, Any] = field(repr=False, default_factory=dict)

    @property
    def base(self) -> str:
        return self.world.base

    def now(self) -> int:
        return int(self.world.clock().timestamp())

    def once(self, make: Any) -> Any:
        """Return what ``make`` made of this house the first time."""
        if make not in self.made:
            self.made[make] = make(self)
        return self.made[make]

    def visitor(self, persona: str = "entra-mfa", provider: str = "entra") -> Visitor:
        """Return somebody who has just signed in."""
        visitor = self.world.visitor()
        visitor.open_account(persona, provider)
        return visitor

    def send(self, method: str, path: str, **sent: Any) -> requests.Response:
        """Call an endpoint, without anybody's cookies."""
        return self.http.request(method, f"{self.base}{path}", allow_redirects=False, timeout=TIMEOUT, **sent)

    def method_of(self, client_id: str) -> str:
        """Return how a client is registered to authenticate."""
        return str(self.clients[client_id].get("auth_method", "client_secret_basic"))

    def add_client(self, **metadata: Any) -> str:
        """Add a confidential client to the database, where it can be changed, and return its id."""
        client_id, secret = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
        whole = {**self.clients["basic"], **metadata}
        del whole["secret"]
        parts = self.world.parts
        with parts.database.begin() as connection:
            parts.clients.add(
                connection,
                client_id,
                ClientMetadata.model_validate(whole),
                parts.audit,
                self.world.clock(),
                secret=secret,
                management_token=MANAGEMENT_TOKEN,
            )
        self.clients[client_id] = {**whole, "secret": secret}
        return client_id

    def credentials(self, client_id: str, method: str | None = None) -> tuple[dict[str, str], dict[str, str]]:
        """Return the form fields and the headers by which a client authenticates, by its own method or another."""
        secret = self.clients[client_id].get("secret", "x" * 43)
        match method or self.method_of(client_id):
            case "client_secret_basic":
                return {}, {"Authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}
            case "client_secret_post":
                return {"client_id": client_id, "client_secret": secret}, {}
            case "private_key_jwt":
                return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self.assertion(client_id)}, {}
        return {"client_id": client_id}, {}

    def assertion_claims(self, client_id: str) -> Members:
        """Return what a good client assertion says."""
        now = self.now()
        return {
            "iss": client_id,
            "sub": client_id,
            "aud": self.base,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        }

    def assertion(self, client_id: str) -> str:
        return signed(self.assertion_claims(client_id), kid=KID, key=EC)

    def call(
        self,
        path: str,
        client_id: str,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> requests.Response:
        """Post a form as a client that authenticates."""
        fields, own = self.credentials(client_id, method)
        return self.send("POST", path, data={**fields, **(form or {})}, headers={**own, **(headers or {})})

    def authorize(self, parameters: Any, visitor: Visitor | None = None) -> requests.Response:
        """Ask at the authorization endpoint, as somebody who is signed in."""
        return (visitor or self.person).get("/authorize", params=parameters)

    def request(self, client_id: str, **extra: str) -> AuthRequest:
        return self.world.registry(client_id).request(**{"scope": WHOLE_SCOPE, **extra})

    def code(self, client_id: str, visitor: Visitor | None = None, **extra: str) -> tuple[str, AuthRequest]:
        """Return a code of somebody who is signed in."""
        request = self.request(client_id, **extra)
        response = self.authorize(request.parameters, visitor)
        return arrival(response.headers["Location"]).code, request

    def code_form(self, client_id: str, visitor: Visitor | None = None, **extra: str) -> dict[str, str]:
        """Return the form that redeems a fresh code."""
        code, request = self.code(client_id, visitor, **extra)
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": request.verifier,
        }

    def tokens(self, client_id: str, visitor: Visitor | None = None, **extra: str) -> Mapping[str, Any]:
        """Return what a client gets for a code."""
        response = self.call("/token", client_id, self.code_form(client_id, visitor, **extra))
        assert response.status_code == 200, response.text
        document: Mapping[str, Any] = response.json()
        return document

    def device(self, client_id: str, scope: str = WHOLE_SCOPE) -> dict[str, str]:
        """Return the two codes that a device was given."""
        response = self.call("/device_authorization", client_id, {"scope": scope})
        assert response.status_code == 200, response.text
        codes: dict[str, str] = response.json()
        return codes

    def question(self, codes: Mapping[str, str], visitor: Visitor | None = None) -> Page:
        """Return the page that asks somebody about a device."""
        visitor = visitor or self.person
        page = visitor.walk(visitor.submit("/device", {"user_code": codes["user_code"]}, page="/device"))
        assert isinstance(page, Page)
        assert "/device/confirm/" in page.url, page.text
        return page

    def device_form(self, client_id: str, visitor: Visitor | None = None) -> dict[str, str]:
        """Return the form that redeems a device code which somebody has approved."""
        codes, visitor = self.device(client_id), visitor or self.person
        page = self.question(codes, visitor)
        answered = visitor.post(page.url, {"answer": "allow", "csrf_token": page.form_token()})
        assert answered.status_code == 200, answered.text
        return {"grant_type": DEVICE_CODE, "device_code": codes["device_code"]}

    def grant_form(self, grant: str, client_id: str, visitor: Visitor | None = None) -> dict[str, str]:
        """Return the form of a grant that is good, and was not used yet."""
        match grant:
            case "authorization_code":
                return self.code_form(client_id, visitor)
            case "refresh_token":
                token = self.tokens(client_id, visitor)["refresh_token"]
                return {"grant_type": grant, "refresh_token": token}
            case "client_credentials":
                return {"grant_type": grant}
        return self.device_form(client_id, visitor)


@contextmanager
def open_house(folder: Path, standins: Standins, database_url: str) -> Iterator[House]:
    """Yield a broker over a migrated database and a Redis of its own."""
    with ExitStack() as stack:
        store_url = stack.enter_context(servers.redis())

        def change(raw: dict[str, Any]) -> None:
            raw["clients"] = clients()
            raw["store"]["url"] = store_url
            with_campaign(raw)
            raw["streams"] = {client_id: {} for client_id in POLLED}
            # What is given out waits until the check that comes with it.
            raw["tokens"] = {"access": 3600, "code": 300, "pushed_request": 599, "device_code": 1800}

        world = stack.enter_context(running(folder, standins=standins, database_url=database_url, change=change))
        person = world.visitor()
        person.open_account("entra-mfa", "entra")
        yield House(world=world, folder=folder, person=person, clients=dict(world.raw["clients"]), until_then=stack)
