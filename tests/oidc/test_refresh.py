"""Refresh tokens: only with offline access, replaced at each use, a family that ends when one comes twice (T1, T7)."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from broker.accounts.model import accounts, identities
from broker.oidc.model import refresh_families
from tests.oidc.kinds import claims_of, post, refresh, sign_in
from tests.world import World


def rows(world: World) -> int:
    with world.parts.database.read() as connection:
        return len(connection.execute(select(refresh_families.c.id)).all())


def test_a_refresh_token_comes_with_offline_access_alone(busy: World) -> None:
    assert "refresh_token" in sign_in(busy, "offline").response
    assert "refresh_token" not in sign_in(busy, "offline", scope="openid profile").response
    assert "refresh_token" not in sign_in(busy, "registry", scope="openid offline_access").response


@pytest.mark.parametrize("client_id", ["offline", "public-offline", "jwt", "pairwise"])
def test_t1_a_refreshed_id_token_says_what_was_proven_when_it_was(busy: World, client_id: str) -> None:
    first = sign_in(busy, client_id)
    busy.clock.move(timedelta(minutes=30))
    response = refresh(busy, client_id, first.response["refresh_token"])
    assert response.status_code == 200, response.text
    body = response.json()
    claims = claims_of(busy, busy.registry(client_id), body)
    for name in ("sub", "acr", "amr", "auth_time", "sid"):
        assert claims[name] == first.claims[name]
    assert claims["iat"] >= first.claims["iat"] + 1800
    assert "nonce" not in claims
    assert body["refresh_token"] != first.response["refresh_token"]
    assert body["access_token"] != first.response["access_token"]
    assert busy.registry(client_id).userinfo(body["access_token"]).json()["sub"] == claims["sub"]


def test_t7_a_replaced_token_that_comes_again_ends_the_family(busy: World) -> None:
    first = sign_in(busy, "offline").response["refresh_token"]
    second = refresh(busy, "offline", first).json()
    busy.clock.move(timedelta(seconds=11))
    assert refresh(busy, "offline", first).json()["error"] == "invalid_grant"
    assert refresh(busy, "offline", second["refresh_token"]).json()["error"] == "invalid_grant"
    assert busy.registry().userinfo(second["access_token"]).status_code == 401


def test_t7_whoever_asked_twice_at_once_keeps_the_family(busy: World) -> None:
    first = sign_in(busy, "offline").response["refresh_token"]
    second = refresh(busy, "offline", first).json()
    assert refresh(busy, "offline", first).json()["error"] == "invalid_grant"
    assert refresh(busy, "offline", second["refresh_token"]).status_code == 200


def test_t7_an_older_token_ends_the_family_however_soon_it_comes(busy: World) -> None:
    first = sign_in(busy, "offline").response["refresh_token"]
    second = refresh(busy, "offline", first).json()["refresh_token"]
    third = refresh(busy, "offline", second).json()["refresh_token"]
    assert refresh(busy, "offline", first).json()["error"] == "invalid_grant"
    assert refresh(busy, "offline", third).json()["error"] == "invalid_grant"


def test_t7_a_token_is_worth_nothing_to_another_client_and_stays_good_for_its_own(busy: World) -> None:
    token = sign_in(busy, "offline").response["refresh_token"]
    response = refresh(busy, "offline-2", token)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert refresh(busy, "offline", token).status_code == 200


@pytest.mark.parametrize("text", ["", "vrt_", "vrt_" + "A" * 75, "vat_" + "A" * 75, "x" * 5000, "vrt_" + "ä" * 75])
def test_what_is_no_refresh_token_is_refused(busy: World, text: str) -> None:
    response = refresh(busy, "offline", text)
    assert response.status_code == 400
    assert response.json()["error"] in ("invalid_grant", "invalid_request")


def test_only_hashes_are_kept(busy: World) -> None:
    token = sign_in(busy, "offline").response["refresh_token"]
    with busy.parts.database.read() as connection:
        kept = connection.execute(select(refresh_families)).all()
    assert kept
    assert token not in repr(kept)
    assert token[4:36] not in repr(kept)
    assert token[36:] not in repr(kept)


def test_a_family_has_an_end_that_use_does_not_move(busy: World) -> None:
    token = sign_in(busy, "offline").response["refresh_token"]
    lifetime = timedelta(seconds=busy.parts.settings.tokens.refresh)
    # The proof would have aged out long before: what counts here is that the family is gone.
    busy.clock.move(lifetime - timedelta(minutes=1))
    before = rows(busy)
    busy.parts.worker.run_once()
    assert rows(busy) == before
    busy.clock.move(timedelta(minutes=2))
    assert refresh(busy, "offline", token).json()["error"] == "invalid_grant"
    busy.parts.worker.run_once()
    assert rows(busy) == 0


def test_t1_a_proof_that_aged_out_refreshes_nothing(busy: World) -> None:
    token = sign_in(busy, "offline", persona="2fa-true", provider="github").response["refresh_token"]
    busy.clock.move(timedelta(hours=7, minutes=59))
    token = refresh(busy, "offline", token).json()["refresh_token"]
    busy.clock.move(timedelta(minutes=2))
    assert refresh(busy, "offline", token).json()["error"] == "invalid_grant"


def test_scope_can_be_narrowed_and_not_widened(busy: World) -> None:
    token = sign_in(busy, "offline", scope="openid profile offline_access").response["refresh_token"]
    assert refresh(busy, "offline", token, scope="openid email").json()["error"] == "invalid_scope"
    narrow = refresh(busy, "offline", token, scope="profile").json()
    assert narrow["scope"] == "profile"
    assert "id_token" not in narrow
    assert busy.registry().userinfo(narrow["access_token"]).status_code == 403
    whole = refresh(busy, "offline", narrow["refresh_token"]).json()
    assert whole["scope"] == "openid profile offline_access"


def test_t5_a_closed_account_or_an_unlinked_identity_refreshes_nothing(busy: World) -> None:
    first = sign_in(busy, "offline", persona="entra-ngcmfa")
    token, sub = first.response["refresh_token"], first.claims["sub"]
    for status in ("disabled", "active"):
        with busy.parts.database.begin() as connection:
            connection.execute(update(accounts).where(accounts.c.id == sub).values(status=status))
        if status == "disabled":
            assert refresh(busy, "offline", token).json()["error"] == "invalid_grant"
    token = refresh(busy, "offline", token).json()["refresh_token"]
    with busy.parts.database.begin() as connection:
        connection.execute(identities.delete().where(identities.c.account_id == sub))
    assert refresh(busy, "offline", token).json()["error"] == "invalid_grant"


def test_t7_a_code_that_comes_twice_ends_the_family_it_led_to(busy: World) -> None:
    visitor, registry = busy.visitor(), busy.registry("offline")
    request = registry.request(provider="entra", scope="openid offline_access")
    arrived = visitor.walk(visitor.authorize(request), "entra-mfa")
    tokens = registry.redeem(arrived, request).response
    assert registry.token_response(arrived.code, request.verifier).json()["error"] == "invalid_grant"  # type: ignore[union-attr]
    assert refresh(busy, "offline", tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert registry.userinfo(tokens["access_token"]).status_code == 401


def test_offline_access_outlives_the_session(busy: World) -> None:
    visitor = busy.visitor()
    first = sign_in(busy, "offline", visitor=visitor)
    visitor.submit("/signout")
    assert busy.registry().userinfo(first.response["access_token"]).status_code == 401
    body = refresh(busy, "offline", first.response["refresh_token"]).json()
    assert busy.registry().userinfo(body["access_token"]).status_code == 200


def test_a_client_without_the_grant_is_told_so(busy: World) -> None:
    token = sign_in(busy, "offline").response["refresh_token"]
    response = post(busy, "/token", "registry", grant_type="refresh_token", refresh_token=token)
    assert response.json()["error"] == "unauthorized_client"
