"""Pairwise subjects (OpenID Connect Core section 8.1): one person, another name in every sector, the same for good."""

from broker.oidc.subjects import Subjects
from tests.oidc.kinds import claims_of, introspect, refresh, sign_in
from tests.world import Arrival, Page, World


def test_a_person_has_another_name_there_and_keeps_it(busy: World) -> None:
    visitor = busy.visitor()
    public = sign_in(busy, "registry", visitor=visitor).claims["sub"]
    first = sign_in(busy, "pairwise", visitor=visitor)
    assert first.claims["sub"] != public
    assert sign_in(busy, "pairwise").claims["sub"] == first.claims["sub"]
    access_token = first.response["access_token"]
    assert busy.registry().userinfo(access_token).json()["sub"] == first.claims["sub"]
    assert introspect(busy, "pairwise", access_token)["sub"] == first.claims["sub"]
    body = refresh(busy, "pairwise", first.response["refresh_token"]).json()
    assert claims_of(busy, busy.registry("pairwise"), body)["sub"] == first.claims["sub"]
    assert public not in str(first.claims) + str(body)


def test_a_hint_names_them_by_it(busy: World) -> None:
    visitor = busy.visitor()
    first = sign_in(busy, "pairwise", visitor=visitor)
    hint = first.response["id_token"]
    request = busy.registry("pairwise").request(prompt="none", id_token_hint=hint)
    silent = busy.registry("pairwise").redeem(visitor.walk(visitor.authorize(request)), request)
    assert silent.claims["sub"] == first.claims["sub"]
    # Another person's session does not do, nor does the hint of another client.
    other = busy.visitor()
    other.sign_in("2fa-true", "github")
    arrived = other.walk(other.authorize(busy.registry("pairwise").request(prompt="none", id_token_hint=hint)))
    assert isinstance(arrived, Arrival)
    assert arrived.parameters["error"] == "login_required"
    arrived = visitor.walk(visitor.authorize(busy.registry().request(prompt="none", id_token_hint=hint)))
    assert isinstance(arrived, Arrival)
    assert arrived.parameters["error"] == "invalid_request"


def test_somebody_else_who_signs_in_is_not_the_one_who_was_meant(busy: World) -> None:
    sub = sign_in(busy, "pairwise").claims["sub"]
    visitor = busy.visitor()
    claims = f'{{"id_token": {{"sub": {{"value": "{sub}"}}}}}}'
    request = busy.registry("pairwise").request(provider="github", claims=claims)
    page = visitor.walk(visitor.authorize(request), "2fa-true")
    assert isinstance(page, Page)
    assert page.status == 400
    request = busy.registry("pairwise").request(provider="entra", claims=claims)
    busy.registry("pairwise").redeem(visitor.walk(visitor.authorize(request), "entra-mfa"), request)


def test_of_two_first_requests_both_find_the_same_name(busy: World) -> None:
    class Late(Subjects):
        """The other request writes between this one's look and its lock."""

        def _find(self, account_id: str, sector: str) -> str | None:
            return None

    tokens, client = sign_in(busy, "pairwise"), busy.parts.clients.get("pairwise")
    assert client is not None
    public = sign_in(busy, "registry").claims["sub"]
    assert Late(busy.parts.database, b"k" * 32).of(client, public) == tokens.claims["sub"]
