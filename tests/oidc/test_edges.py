"""What else can come at the endpoints, and what must not come of it."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import update

from broker.keys.cipher import FieldCipher
from broker.oidc.codes import Codes
from broker.oidc.model import refresh_families
from broker.oidc.pushed import PushedRequests
from broker.oidc.tokens.id_token import IdTokens
from broker.oidc.tokens.signed import Signer
from broker.storage.memory import MemoryStore
from tests.oidc.kinds import API, added, assertion, basic, consent, introspect, post, refresh, sign_in
from tests.world import CALLBACK, TIMEOUT, Arrival, AuthRequest, Page, Visitor, World


def error_of(world: World, client_id: str, visitor: Visitor | None = None, **extra: str) -> str:
    """Return the error that a request comes back with."""
    visitor = visitor or world.visitor()
    arrived = visitor.walk(visitor.authorize(world.registry(client_id).request(**extra)))
    assert isinstance(arrived, Arrival), arrived
    return arrived.parameters["error"]


class TestAuthorize:
    def test_a_client_that_may_not_ask_for_codes_is_told(self, busy: World) -> None:
        assert error_of(busy, "no-codes") == "unauthorized_client"

    def test_t8_a_client_that_must_sign_its_requests_cannot_do_without(self, busy: World) -> None:
        assert error_of(busy, "signing") == "invalid_request"

    def test_pkce_may_be_left_out_where_it_is_said_so_and_cannot_be_done_by_half(self, busy: World) -> None:
        visitor, registry = busy.visitor(), busy.registry("without-pkce")
        request = registry.request(provider="entra", code_challenge="", code_challenge_method="")
        arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(arrived, Arrival)
        # RFC 9700 section 4.8.2: a verifier without a challenge is one that was stripped.
        assert registry.token_response(arrived.code, request.verifier).json()["error"] == "invalid_request"
        arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(arrived, Arrival)
        assert registry.token_response(arrived.code, "").status_code == 200
        assert error_of(busy, "without-pkce", code_challenge="") == "invalid_request"

    def test_an_acr_may_be_asked_for_as_a_claim_and_stays_voluntary(self, busy: World) -> None:
        claims = '{"id_token": {"acr": {"values": ["phr", "https://refeds.org/profile/mfa"]}}}'
        assert sign_in(busy, "registry", claims=claims).claims["acr"] == "https://refeds.org/profile/mfa"

    def test_another_provider_than_that_of_the_session_means_another_sign_in(self, busy: World) -> None:
        visitor = busy.visitor()
        visitor.sign_in("entra-mfa", "entra")
        assert error_of(busy, "registry", visitor, prompt="none", provider="github") == "login_required"

    def test_t5_a_session_from_a_provider_that_a_client_does_not_take_is_none_to_it(self, busy: World) -> None:
        added(busy, "choosy", providers=["github"])
        visitor = busy.visitor()
        visitor.sign_in("entra-mfa", "entra")
        assert error_of(busy, "choosy", visitor, prompt="none") == "login_required"

    def test_t5_a_client_that_stops_taking_a_provider_meanwhile_gets_nobody_by_it(self, busy: World) -> None:
        added(busy, "changing", providers=None)
        visitor = busy.visitor()
        away = visitor.authorize(busy.registry("changing").request(provider="entra"))
        added(busy, "changing", providers=["github"])
        page = visitor.walk(away, "entra-mfa")
        assert isinstance(page, Page)
        assert page.status == 400

    def test_a_key_is_named_by_a_thumbprint_and_bound_to_the_code(self, busy: World) -> None:
        assert error_of(busy, "registry", dpop_jkt="short") == "invalid_request"
        jkt = ECKey.generate_key("P-256").thumbprint()
        visitor, registry = busy.visitor(), busy.registry()
        request = registry.request(provider="entra", dpop_jkt=jkt)
        arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(arrived, Arrival)
        assert registry.token_response(arrived.code, request.verifier).json()["error"] == "invalid_request"


class TestConsent:
    """Between the question and the answer."""

    def asked(self, world: World, client_id: str) -> tuple[Visitor, Page]:
        visitor = world.visitor()
        request = world.registry(client_id).request(provider="entra", prompt="consent")
        page = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(page, Page)
        assert "/consent/" in page.url
        return visitor, page

    @pytest.mark.parametrize(
        "changes", [{"providers": ["github"]}, {"strength": "phishing_resistant"}], ids=["provider", "strength"]
    )
    def test_t1_what_the_client_asks_of_a_proof_is_what_it_asks_by_then(
        self, busy: World, changes: dict[str, Any]
    ) -> None:
        added(busy, "consenting", providers=None, strength=None)
        visitor, page = self.asked(busy, "consenting")
        added(busy, "consenting", **changes)
        refused = consent(busy, visitor, page)
        assert isinstance(refused, Page)
        assert refused.status == 400

    @pytest.mark.parametrize("answer", ["allow", "deny"])
    def test_t7_a_pushed_request_that_was_answered_elsewhere_is_not_answered_again(
        self, busy: World, answer: str
    ) -> None:
        added(busy, "pushing-consent", require_pushed_authorization_requests=True)
        request = busy.registry("pushing-consent").request(provider="entra", prompt="consent")
        reference = post(busy, "/par", "pushing-consent", **request.parameters).json()["request_uri"]
        pages = []
        for visitor in (busy.visitor(), busy.visitor()):
            query = {"client_id": "pushing-consent", "request_uri": reference}
            response = visitor.authorize(AuthRequest(parameters=query, verifier="", nonce="", state=""))
            page = visitor.walk(response, "entra-mfa")
            assert isinstance(page, Page)
            pages.append((visitor, page))
        assert isinstance(consent(busy, *pages[0]), Arrival)
        late = consent(busy, *pages[1], answer)
        assert isinstance(late, Page)
        assert late.status == 400

    def test_t10_a_session_without_the_browser_it_came_in_answers_nothing(self, busy: World) -> None:
        visitor, page = self.asked(busy, "registry")
        thief = busy.visitor()
        thief.http.cookies.set("vestibule", str(visitor.http.cookies.get("vestibule")))
        assert thief.get(page.url).status_code == 400
        thief.http.cookies.set("vestibule-browser", "x" * 43)
        assert thief.get(page.url).status_code == 400


class TestTokens:
    @pytest.mark.parametrize("path", ["/introspect", "/revoke"])
    def test_a_token_must_be_named(self, busy: World, path: str) -> None:
        response = post(busy, path, "offline", token_type_hint="access_token")
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    @pytest.mark.parametrize("path", ["/token", "/par", "/introspect", "/revoke", "/device_authorization"])
    def test_t8_a_wrong_secret_and_a_key_for_another_client_are_refused_everywhere(
        self, busy: World, path: str
    ) -> None:
        wrong = {"Authorization": basic(busy, "offline-2")["Authorization"].replace("Basic ", "Basic A")}
        form = {"grant_type": "refresh_token", "token": "x"}
        for headers, more in (
            (wrong, {}),
            ({}, {"client_id": "offline", "client_secret": "x" * 43}),
            ({}, {**assertion(busy), "client_id": "offline"}),
            ({}, {**assertion(busy), "client_assertion_type": "other"}),
            ({}, {**assertion(busy), "client_assertion": "x.y.z"}),
            (basic(busy, "offline") | {"Authorization": basic(busy, "offline")["Authorization"][:-4] + "AAA="}, {}),
        ):
            response = post(busy, path, None, headers, **form, **more)
            assert (response.status_code, response.json()["error"]) == (401, "invalid_client")

    def test_a_key_authenticates_its_client_once(self, busy: World) -> None:
        form = {**assertion(busy), "token": "x"}
        assert post(busy, "/introspect", None, **form).json() == {"active": False}
        assert post(busy, "/introspect", None, **form).json()["error"] == "invalid_client"

    def test_a_token_may_come_in_a_form_and_only_in_one_place(self, busy: World) -> None:
        token = sign_in(busy, "offline").response["access_token"]
        url, form = f"{busy.base}/userinfo", {"access_token": token}
        assert requests.post(url, data=form, timeout=TIMEOUT).status_code == 200
        headers = {"Authorization": f"Bearer {token}"}
        response = requests.post(url, data=form, headers=headers, timeout=TIMEOUT)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

    def test_t5_a_token_of_a_client_that_was_switched_off_is_not_active_to_its_resource(self, busy: World) -> None:
        added(busy, "short-lived", resources=[API])
        token = sign_in(busy, "short-lived", resource=API).response["access_token"]
        assert introspect(busy, "api", token)["active"] is True
        parts = busy.parts
        with parts.database.begin() as connection:
            parts.clients.set_status(connection, "short-lived", "disabled", parts.audit, busy.clock())
        assert introspect(busy, "api", token) == {"active": False}

    def test_a_record_that_does_not_open_refreshes_nothing(self, busy: World) -> None:
        tokens = sign_in(busy, "offline-2").response
        with busy.parts.database.begin() as connection:
            broken = update(refresh_families).where(refresh_families.c.client_id == "offline-2")
            connection.execute(broken.values(record_sealed=b"not sealed"))
        assert refresh(busy, "offline-2", tokens["refresh_token"]).json()["error"] == "invalid_grant"

    def test_registered_claims_are_in_the_id_token_and_consented_to(self, busy: World) -> None:
        visitor = busy.visitor()
        request = busy.registry("asserting").request(provider="entra", prompt="consent", scope="openid")
        page = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(page, Page)
        assert "email address" in page.text


class TestKeys:
    """DPoP (RFC 9449) on a JWT access token, from code to resource."""

    def proof(self, world: World, key: ECKey, method: str, path: str, nonce: str = "", token: str = "") -> str:
        claims: dict[str, Any] = {
            "jti": secrets.token_hex(8),
            "htm": method,
            "htu": f"{world.base}{path}",
            "iat": int(world.clock().timestamp()),
        }
        if nonce:
            claims["nonce"] = nonce
        if token:
            claims["ath"] = urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
        return jwt.encode(header, claims, key)

    def test_the_token_is_worth_nothing_without_the_key(self, busy: World) -> None:
        key, visitor, registry = ECKey.generate_key("P-256"), busy.visitor(), busy.registry("jwt")
        request = registry.request(provider="entra", scope="openid offline_access")
        arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(arrived, Arrival)
        form = {
            "grant_type": "authorization_code",
            "code": arrived.code,
            "redirect_uri": CALLBACK,
            "code_verifier": request.verifier,
        }
        # The nonce costs a round trip, and not the code.
        asked = post(busy, "/token", "jwt", {"DPoP": self.proof(busy, key, "POST", "/token")}, **form)
        assert (asked.status_code, asked.json()["error"]) == (400, "use_dpop_nonce")
        nonce = asked.headers["DPoP-Nonce"]
        proof = self.proof(busy, key, "POST", "/token", nonce)
        tokens = post(busy, "/token", "jwt", {"DPoP": proof}, **form)
        assert (tokens.status_code, tokens.json()["token_type"]) == (200, "DPoP"), tokens.text
        replayed = post(busy, "/token", "jwt", {"DPoP": proof}, grant_type="client_credentials")
        assert replayed.json()["error"] == "invalid_dpop_proof"
        token, kept = tokens.json()["access_token"], tokens.json()["refresh_token"]
        said = introspect(busy, "jwt", token)
        assert (said["token_type"], said["cnf"]) == ("DPoP", {"jkt": key.thumbprint()})
        keys = KeySet.import_key_set(requests.get(f"{busy.base}/jwks", timeout=TIMEOUT).json())
        assert jwt.decode(token, keys, algorithms=["ES256"]).claims["cnf"] == {"jkt": key.thumbprint()}

        def userinfo(scheme: str, proof: str | None) -> requests.Response:
            headers = {"Authorization": f"{scheme} {token}", **({"DPoP": proof} if proof else {})}
            return requests.get(f"{busy.base}/userinfo", headers=headers, timeout=TIMEOUT)

        good = self.proof(busy, key, "GET", "/userinfo", nonce, token)
        assert userinfo("DPoP", good).status_code == 200
        other = ECKey.generate_key("P-256")
        for scheme, bad in (
            ("DPoP", good),
            ("DPoP", None),
            ("Bearer", None),
            ("DPoP", self.proof(busy, key, "GET", "/userinfo", nonce)),
            ("DPoP", self.proof(busy, other, "GET", "/userinfo", nonce, token)),
            ("DPoP", self.proof(busy, key, "GET", "/userinfo", "", token)),
        ):
            response = userinfo(scheme, bad)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"].startswith("DPoP ")
            assert response.headers["DPoP-Nonce"]
        # A confidential client proves who it is, so its refresh token stays (FAPI 2.0, 5.3.2.1).
        for _ in range(2):
            proof = self.proof(busy, key, "POST", "/token", nonce)
            again = post(busy, "/token", "jwt", {"DPoP": proof}, grant_type="refresh_token", refresh_token=kept)
            assert again.json()["refresh_token"] == kept

    def test_t7_a_proof_of_a_client_that_anybody_can_be_is_good_for_one_use_and_costs_no_refresh_token(
        self, busy: World
    ) -> None:
        key, visitor, registry = ECKey.generate_key("P-256"), busy.visitor(), busy.registry("public-offline")
        request = registry.request(provider="entra", scope="openid offline_access")
        arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(arrived, Arrival)
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": request.verifier}
        form["code"] = arrived.code
        asked = post(busy, "/token", "public-offline", {"DPoP": self.proof(busy, key, "POST", "/token")}, **form)
        nonce = asked.headers["DPoP-Nonce"]
        first, second = (self.proof(busy, key, "POST", "/token", nonce) for _ in range(2))
        given = post(busy, "/token", "public-offline", {"DPoP": first}, **form)
        assert given.json()["token_type"] == "DPoP", given.text
        again = {"grant_type": "refresh_token", "refresh_token": given.json()["refresh_token"]}
        replayed = post(busy, "/token", "public-offline", {"DPoP": first}, **again)
        assert replayed.json()["error"] == "invalid_dpop_proof"
        assert post(busy, "/token", "public-offline", {"DPoP": second}, **again).status_code == 200


class TestCodes:
    """What shows that a code is one of ours."""

    def test_t7_a_code_of_the_version_before_is_redeemed_and_its_replay_ends_what_came_of_it(
        self, busy: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Codes, "new", lambda _: secrets.token_urlsafe(32))
        registry, visitor = busy.registry("offline"), busy.visitor()
        request = registry.request(provider="entra", scope="openid offline_access")
        arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
        assert isinstance(arrived, Arrival)
        given, replayed = (registry.token_response(arrived.code, request.verifier) for _ in range(2))
        assert (given.status_code, replayed.json()["error"]) == (200, "invalid_grant")
        assert refresh(busy, "offline", given.json()["refresh_token"]).json()["error"] == "invalid_grant"
        assert registry.userinfo(given.json()["access_token"]).status_code == 401

    def test_t7_nobody_makes_one_without_the_key(self, busy: World) -> None:
        cipher, switches = FieldCipher({"v1": secrets.token_bytes(32)}), busy.parts.switches
        one, other = (Codes(MemoryStore(), cipher, 60, switches, secrets.token_bytes(32)) for _ in range(2))
        code = one.new()
        assert one.made(code)
        for made_up in (other.new(), code[:43], code[:-1], f"{code}A", "", "\udc80" * 63, code.swapcase()):
            assert not one.made(made_up)


class TestBelow:
    """What no request can bring about, but time can."""

    def test_a_pushed_request_that_goes_while_it_is_read_is_gone(self) -> None:
        class Forgetful(MemoryStore):
            def commit(self, *, take: Sequence[str] = (), **more: Any) -> bool:
                self.delete(*take)
                return super().commit(take=take, **more)

        cipher = FieldCipher({"v1": secrets.token_bytes(32)})
        pushed = PushedRequests(Forgetful(), cipher, 60)
        assert pushed.find(pushed.push("registry", {}, None), "registry") is None

    def test_t9_a_hint_needs_its_three_names_and_a_sane_length(self, busy: World) -> None:
        signer = Signer(busy.parts.keys, busy.base)
        id_tokens = IdTokens(signer, 600)
        now = busy.clock()
        good = {"sub": "s", "sid": "i", "aud": "c"}
        assert id_tokens.hint(signer.sign(good, typ="JWT", algorithm="ES256", now=now), now) is not None
        for name in good:
            for value in (None, 1, ["c"]):
                token = signer.sign({**good, name: value}, typ="JWT", algorithm="ES256", now=now)
                assert id_tokens.hint(token, now) is None
        long = signer.sign({**good, "sub": "s" * 9000}, typ="JWT", algorithm="ES256", now=now)
        assert id_tokens.hint(long, now) is None

    def test_clients_of_the_database_are_unique_and_their_unsafe_switches_known(self, busy: World) -> None:
        parts, now = busy.parts, busy.clock()
        added(busy, "unsafe", insecure_pkce_optional=True)
        assert "clients.unsafe.insecure_pkce_optional" in parts.clients.insecure()
        with parts.database.begin() as connection:
            known = parts.clients.registered(connection, "unsafe")
            assert known is not None
            assert parts.clients.registered(connection, "un\x00safe") is None
            for taken in ("unsafe", "registry"):
                with pytest.raises(ValueError, match="already"):
                    parts.clients.add(connection, taken, known.metadata, parts.audit, now, secret=None)
            with pytest.raises(LookupError):
                parts.clients.replace(connection, "nobody", known.metadata, parts.audit, now, secret_sha256=None)
            with pytest.raises(LookupError):
                parts.clients.remove(connection, "nobody", parts.audit, now)
            with pytest.raises(LookupError):
                parts.clients.set_status(connection, "nobody", "disabled", parts.audit, now)
