"""RP-Initiated Logout OP and Back-Channel Logout OP, each by its own plan."""

import json
from base64 import urlsafe_b64encode
from urllib.parse import parse_qs, urlencode

import pytest
from joserfc import jwt

from tests.oidc.conformance import checks
from tests.oidc.conformance.names import BACKCHANNEL_LOGOUT, RP_INITIATED_LOGOUT, Modules
from tests.oidc.conformance.op import SIGNED_OUT, Rp, SignedIn, Suite
from tests.oidc.conformance.person import Callback, Person
from tests.oidc.jose.samples import RSA
from tests.world import Page

module: Modules[Suite] = Modules("oidcc-")

EVENT = "http://schemas.openid.net/event/backchannel-logout"
STATE = "somewhat/odd state&="


@module("rp-initiated-logout-discovery-endpoint-verification")
def discovery(suite: Suite) -> None:
    assert suite.discovery()["end_session_endpoint"].startswith("https://")


@module("rp-initiated-logout")
def rp_initiated(suite: Suite) -> None:
    rp, person, signed_in = _signed_in(suite)
    landed = _log_out(suite, person, id_token_hint=_hint(signed_in), post_logout_redirect_uri=SIGNED_OUT, state=STATE)
    assert isinstance(landed, Callback)
    assert landed.url.split("?")[0] == SIGNED_OUT
    assert landed.parameters == {"state": STATE}
    assert _is_over(rp, person)


@module("rp-initiated-logout-no-state")
def no_state(suite: Suite) -> None:
    rp, person, signed_in = _signed_in(suite)
    landed = _log_out(suite, person, id_token_hint=_hint(signed_in), post_logout_redirect_uri=SIGNED_OUT)
    assert isinstance(landed, Callback)
    assert landed.url == SIGNED_OUT
    assert _is_over(rp, person)


@module("rp-initiated-logout-bad-post-logout-redirect-uri")
def bad_redirect(suite: Suite) -> None:
    _, person, signed_in = _signed_in(suite)
    _refused(_log_out(suite, person, id_token_hint=_hint(signed_in), post_logout_redirect_uri=f"{SIGNED_OUT}ish"))


@module("rp-initiated-logout-query-added-to-post-logout-redirect-uri")
def query_added(suite: Suite) -> None:
    _, person, signed_in = _signed_in(suite)
    _refused(_log_out(suite, person, id_token_hint=_hint(signed_in), post_logout_redirect_uri=f"{SIGNED_OUT}?foo=bar"))


@module("rp-initiated-logout-modified-id-token-hint")
def unsigned_hint(suite: Suite) -> None:
    _, person, signed_in = _signed_in(suite)
    header = urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    hint = f"{header}.{_hint(signed_in).split('.')[1]}."
    _refused(_log_out(suite, person, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, state=STATE))


@module("rp-initiated-logout-bad-id-token-hint")
def foreign_hint(suite: Suite) -> None:
    _, person, signed_in = _signed_in(suite)
    kid = suite.keys().keys[0].kid
    hint = jwt.encode({"alg": "RS256", "kid": kid}, dict(signed_in.claims), RSA)
    _refused(_log_out(suite, person, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, state=STATE))


@module("rp-initiated-logout-no-id-token-hint")
def no_hint(suite: Suite) -> None:
    _, person, _ = _signed_in(suite)
    _asked_and_kept_here(person, _log_out(suite, person, post_logout_redirect_uri=SIGNED_OUT, state=STATE))


@module("rp-initiated-logout-no-params")
def no_params(suite: Suite) -> None:
    rp, person, _ = _signed_in(suite)
    _asked_and_kept_here(person, _log_out(suite, person))
    assert _is_over(rp, person)


@module("rp-initiated-logout-only-state")
def only_state(suite: Suite) -> None:
    rp, person, _ = _signed_in(suite)
    _asked_and_kept_here(person, _log_out(suite, person, state=STATE))
    assert _is_over(rp, person)


@module("rp-initiated-logout-no-post-logout-redirect-uri")
def no_redirect(suite: Suite) -> None:
    rp, person, signed_in = _signed_in(suite)
    landed = _log_out(suite, person, id_token_hint=_hint(signed_in), state=STATE)
    assert isinstance(landed, Page)
    assert landed.status == 200
    assert "signed out" in landed.text
    assert _is_over(rp, person)


@module("backchannel-logout-discovery-endpoint-verification")
def backchannel_discovery(suite: Suite) -> None:
    document = suite.discovery()
    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True
    assert document["end_session_endpoint"].startswith("https://")


@module("backchannel-rp-initiated-logout")
def backchannel(suite: Suite) -> None:
    rp, person, signed_in = _signed_in(suite, "listening")
    assert isinstance(signed_in.claims["sid"], str)
    landed = _log_out(suite, person, id_token_hint=_hint(signed_in), post_logout_redirect_uri=SIGNED_OUT, state=STATE)
    assert isinstance(landed, Callback)
    assert landed.parameters == {"state": STATE}
    assert suite.world.parts.worker.run_once() == []
    (heard,) = suite.listener.seen
    assert (heard.method, heard.path) == ("POST", "/backchannel_logout")
    assert heard.headers["content-type"].split(";")[0] == "application/x-www-form-urlencoded"
    form = parse_qs(heard.body.decode(), strict_parsing=True)
    assert list(form) == ["logout_token"]
    (text,) = form["logout_token"]
    _check_logout_token(suite, rp, signed_in, text)
    assert _is_over(rp, person)


def _signed_in(suite: Suite, client_id: str = "suite") -> tuple[Rp, Person, SignedIn]:
    rp, person = suite.rp(client_id), suite.person()
    return rp, person, rp.complete(person, rp.request())


def _hint(signed_in: SignedIn) -> str:
    return str(signed_in.response["id_token"])


def _log_out(suite: Suite, person: Person, **parameters: str) -> Page | Callback:
    return person.open(f"{suite.issuer}/logout?{urlencode(parameters)}")


def _refused(landed: Page | Callback) -> None:
    """The person sees an error, and nothing leads on to the client."""
    assert isinstance(landed, Page)
    assert landed.status == 400
    assert not [link for link in landed.links if SIGNED_OUT in link]


def _asked_and_kept_here(person: Person, landed: Page | Callback) -> None:
    """The person is asked whether to sign out, and stays here whatever the answer is."""
    assert isinstance(landed, Page)
    assert landed.status == 200
    done = person.press(landed)
    assert isinstance(done, Page)
    assert done.status == 200
    assert "signed out" in done.text


def _is_over(rp: Rp, person: Person) -> bool:
    """Ask again without a word: nobody is signed in any more."""
    request = rp.request(prompt="none")
    landed = rp.authorize(person, request)
    return bool(rp.refused(landed, request, "login_required", "interaction_required"))


def _check_logout_token(suite: Suite, rp: Rp, signed_in: SignedIn, text: str) -> None:
    """OpenID Connect Back-Channel Logout 1.0 sections 2.4 and 2.6."""
    keys = suite.keys()
    token = jwt.decode(text, keys, algorithms=["RS256"])
    claims, now = token.claims, suite.world.clock().timestamp()
    assert keys.get_by_kid(token.header["kid"]).alg == "RS256"
    assert claims["iss"] == suite.issuer
    assert claims["aud"] in (rp.client_id, [rp.client_id])
    assert now - 60 <= claims["iat"] <= now + 5
    assert now < claims["exp"] <= now + 120
    checks.unguessable(claims["jti"])
    assert claims["events"] == {EVENT: {}}
    assert "nonce" not in claims
    assert claims["sid"] == signed_in.claims["sid"]
    assert claims.get("sub", signed_in.claims["sub"]) == signed_in.claims["sub"]


@pytest.mark.parametrize("name", [*RP_INITIATED_LOGOUT, *BACKCHANNEL_LOGOUT])
def test_module(name: str, suite: Suite) -> None:
    module.run(name, suite)
