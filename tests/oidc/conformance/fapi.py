"""The suite's part of FAPI 2.0: a client that authenticates by a key, pushes its requests and proves a key (DPoP)."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import requests
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.oidc.conformance import checks
from tests.oidc.conformance.op import CALLBACK, Request, SignedIn, Suite, s256
from tests.oidc.conformance.person import Callback, Person
from tests.oidc.jose.samples import ED, RSA, jwt, without
from tests.world import Page

CALLBACK_2 = f"{CALLBACK}?dummy1=lorem&dummy2=ipsum"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
REFERENCE = "urn:ietf:params:oauth:request_uri:"

Key = RSAKey | ECKey | OKPKey
# Two clients with different kinds of keys: id -> (algorithm of assertions, of ID tokens, redirect URI).
_CLIENTS = {"fapi": ("PS256", "PS256", CALLBACK), "fapi-2": ("EdDSA", "ES256", CALLBACK_2)}
_KEYS: dict[str, Key] = {"fapi": RSA, "fapi-2": ED}


def fapi_clients(more: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the settings of both clients; ``more`` goes into each."""
    return {
        client_id: {
            "name": f"Conformance suite, {client_id}",
            "auth_method": "private_key_jwt",
            "jwks": {"keys": [_KEYS[client_id].as_dict(private=False) | {"kid": client_id, "alg": alg, "use": "sig"}]},
            "redirect_uris": [redirect_uri],
            "id_token_signed_response_alg": id_token_alg,
            "first_party": True,
            "require_pushed_authorization_requests": True,
            "dpop_bound_access_tokens": True,
            **more,
        }
        for client_id, (alg, id_token_alg, redirect_uri) in _CLIENTS.items()
    }


def unchanged(text: str) -> str:
    return text


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How a DPoP proof differs from a good one; a member that is ``...`` is left out. ``as_sent`` has the last word."""

    header: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    key: ECKey | None = None
    as_sent: Callable[[str], str] = unchanged
    name: str = "DPoP"


GOOD = Proof()
SendProof = Proof | None


@dataclass(frozen=True, kw_only=True)
class Fapi:
    """One client in one module, with a DPoP key of its own. ``nonces``: what each server last gave out."""

    suite: Suite
    client_id: str = "fapi"
    dpop_key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256"))
    nonces: dict[str, str] = field(default_factory=dict)

    @property
    def redirect_uri(self) -> str:
        return _CLIENTS[self.client_id][2]

    @property
    def jkt(self) -> str:
        return self.dpop_key.thumbprint()

    def second(self) -> "Fapi":
        """Return the other client."""
        return Fapi(suite=self.suite, client_id="fapi-2")

    def request(self, **changes: str | None) -> Request:
        verifier = secrets.token_urlsafe(48)
        parameters: dict[str, str | None] = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            # The second client's is longer (FAPI 2.0 sets no limit).
            "state": secrets.token_urlsafe(10 if self.client_id == "fapi" else 96),
            "nonce": secrets.token_urlsafe(10),
            "response_type": "code",
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        return Request(parameters=given, verifier=verifier)

    def assertion(self, *, alg: str | None = None, signer: str | None = None, **changes: Any) -> str:
        """Return a client assertion (RFC 7523 section 3); ``signer`` is whose key signs it."""
        now = int(self.suite.world.clock().timestamp())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.suite.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
        }
        by = signer or self.client_id
        return jwt(without({**claims, **changes}), key=_KEYS[by], alg=alg or _CLIENTS[by][0], kid=by)

    def authenticated(self, assertion: str | None = None) -> dict[str, str]:
        """Return what authenticates the client in a form."""
        return {
            "client_id": self.client_id,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        }

    def proof(self, how: Proof, *, method: str, url: str, nonce: str | None, access_token: str | None) -> str:
        """Return a DPoP proof (RFC 9449 section 4.2)."""
        key = how.key or self.dpop_key
        public = {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url,
            "iat": int(self.suite.world.clock().timestamp()),
        }
        if access_token is not None:
            claims["ath"] = urlsafe_b64encode(sha256(access_token.encode()).digest()).rstrip(b"=").decode()
        if nonce is not None:
            claims["nonce"] = nonce
        header = {"kid": ..., "typ": "dpop+jwt", "alg": "ES256", "jwk": public, **how.header}
        return how.as_sent(jwt(without({**claims, **how.claims}), key=key, sign_as="ES256", **header))

    def push(
        self, request: Request, *, assertion: str | None = None, proof: SendProof = None, **changes: str
    ) -> requests.Response:
        """Call the endpoint for pushed requests, and once more if it wants its nonce."""
        form = {**request.parameters, **self.authenticated(assertion), **changes}
        return self.send("as", "POST", f"{self.suite.issuer}/par", proof, data=form)

    def pushed(self, request: Request, *, assertion: str | None = None, proof: SendProof = None) -> str:
        """Return the ``request_uri`` of a request that was pushed (RFC 9126 section 2.2)."""
        body = checks.json_object(self.push(request, assertion=assertion, proof=proof), 201)
        assert set(body) == {"request_uri", "expires_in"}
        assert type(body["expires_in"]) is int
        assert 5 <= body["expires_in"] < 600
        assert body["request_uri"].startswith(REFERENCE)
        checks.unguessable(body["request_uri"].removeprefix(REFERENCE))
        return str(body["request_uri"])

    def authorize(self, person: Person, request_uri: str, **others: str) -> Page | Callback:
        """Take the person there. ``others``: what the URL says beside ``client_id`` and ``request_uri``."""
        query = {"client_id": self.client_id, "request_uri": request_uri, **others}
        return person.open(f"{self.suite.issuer}/authorize?{urlencode(query)}")

    def answered(self, landed: Page | Callback, request: Request) -> dict[str, str]:
        """Return what came to the redirect URI, beside what stands in the URI itself."""
        assert isinstance(landed, Callback), landed
        assert landed.url.split("?")[0] == CALLBACK
        parameters = landed.parameters
        if "?" in self.redirect_uri:
            assert (parameters.pop("dummy1"), parameters.pop("dummy2")) == ("lorem", "ipsum")
        assert parameters.get("state") == request.parameters.get("state")
        assert parameters["iss"] == self.suite.issuer
        return parameters

    def code(self, landed: Page | Callback, request: Request) -> str:
        parameters = self.answered(landed, request)
        assert set(parameters) - {"state"} == {"code", "iss"}, parameters
        checks.unguessable(parameters["code"])
        return parameters["code"]

    def refused(self, landed: Page | Callback, request: Request, *errors: str) -> str:
        """Return the error that came back, or ``shown`` for a page of ours that says it."""
        if isinstance(landed, Page):
            assert landed.status == 400
            return "shown"
        parameters = self.answered(landed, request)
        assert set(parameters) - {"state"} <= {"error", "error_description", "error_uri", "iss"}, parameters
        assert parameters["error"] in errors, parameters
        return parameters["error"]

    def code_of(self, person: Person, request: Request, *, proof: SendProof = None) -> str:
        """Push a request, take the person there with what other clients repeat in the URL, and return the code."""
        again = {name: request.parameters[name] for name in ("scope", "response_type", "redirect_uri")}
        return self.code(self.authorize(person, self.pushed(request, proof=proof), **again), request)

    def token(self, *, assertion: str | None = None, proof: SendProof = GOOD, **form: str) -> requests.Response:
        """Call the token endpoint, and once more, with the same assertion, if it wants its nonce."""
        data = {**form, **self.authenticated(assertion)}
        return self.send("as", "POST", f"{self.suite.issuer}/token", proof, data=data)

    def redemption(self, code: str, request: Request, **changes: Any) -> requests.Response:
        """Send the code; a parameter that is ``...`` is left out."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_uri,
            "code_verifier": request.verifier,
            **changes,
        }
        return self.token(**without(form))

    def redeem(self, code: str, request: Request, *, proof: Proof = GOOD) -> SignedIn:
        return self.checked(self.redemption(code, request, proof=proof), request, code)

    def checked(self, response: requests.Response, request: Request, code: str, *, nonce: Any = ...) -> SignedIn:
        """Return what a token response gives, once it stands every check."""
        body = checks.token_response(response, token_type="DPoP")
        claims = checks.id_token(
            body["id_token"],
            self.suite.keys(),
            issuer=self.suite.issuer,
            client_id=self.client_id,
            algorithm=_CLIENTS[self.client_id][1],
            nonce=request.nonce if nonce is ... else nonce,
            now=self.suite.world.clock(),
            access_token=body["access_token"],
            code=code,
        )
        return SignedIn(request=request, code=code, response=body, claims=claims)

    def resource(self, access_token: str, proof: SendProof = GOOD, *, scheme: str = "DPoP") -> requests.Response:
        """Call userinfo, and once more if it wants its nonce."""
        headers = {"Authorization": f"{scheme} {access_token}"}
        url = f"{self.suite.issuer}/userinfo"
        return self.send("rs", "GET", url, proof, access_token=access_token, headers=headers)

    def complete(self, person: Person, request: Request, *, proof: Proof = GOOD, bound: bool = False) -> SignedIn:
        """Go through the whole flow with every check. ``bound``: the proof is shown when the request is pushed, too."""
        code = self.code_of(person, request, proof=proof if bound else None)
        signed_in = self.redeem(code, request, proof=proof)
        info = checks.userinfo(self.resource(signed_in.access_token, proof), signed_in.claims["sub"])
        return replace(signed_in, userinfo=info)

    def send(
        self,
        server: str,
        method: str,
        url: str,
        proof: SendProof,
        *,
        access_token: str | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send with a proof, made anew with the server's nonce if that was what was missing (RFC 9449 section 8)."""
        for _ in range(2):
            sent = dict(headers or {})
            if proof is not None:
                nonce = self.nonces.get(server)
                sent[proof.name] = self.proof(proof, method=method, url=url, nonce=nonce, access_token=access_token)
            response = self.suite.http(method, url, data=data, headers=sent)
            if "DPoP-Nonce" in response.headers:
                self.nonces[server] = response.headers["DPoP-Nonce"]
            if not _wants_nonce(server, response):
                return response
        raise AssertionError("the nonce that came was not taken")


def _wants_nonce(server: str, response: requests.Response) -> bool:
    if server == "rs":
        challenge = response.headers.get("WWW-Authenticate", "")
        return response.status_code == 401 and challenge.startswith("DPoP") and '"use_dpop_nonce"' in challenge
    return response.status_code == 400 and response.json().get("error") == "use_dpop_nonce"
