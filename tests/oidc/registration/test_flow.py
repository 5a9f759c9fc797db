"""A client that registered itself, from its first code to the end of all it had."""

from datetime import timedelta
from typing import Any

import requests

from broker.oidc.registration.initial import InitialTokens
from tests.oidc.kinds import consent
from tests.world import CALLBACK, TIMEOUT, Arrival, Page, Registry, World


def register(world: World, **changes: Any) -> dict[str, Any]:
    now = world.clock()
    with world.parts.database.begin() as connection:
        token = InitialTokens(world.parts.audit).create(connection, now + timedelta(days=1), now)
    response = requests.post(
        f"{world.base}/register",
        json={"redirect_uris": [CALLBACK], "application_type": "native", "client_name": "Newcomer", **changes},
        headers={"Authorization": f"Bearer {token}"},
        timeout=TIMEOUT,
    )
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_t1_whoever_registers_itself_has_to_ask_for_consent(world: World) -> None:
    answer = register(world, first_party=True)
    registry = Registry(world, answer["client_id"], answer["client_secret"])
    visitor = world.visitor()
    ended = visitor.walk(visitor.authorize(registry.request(provider="github")), "2fa-true")
    assert isinstance(ended, Page)
    assert "Newcomer" in ended.text


def test_t5_all_that_a_client_had_ends_when_it_removes_itself(world: World) -> None:
    answer = register(world, grant_types=["authorization_code", "refresh_token"])
    registry = Registry(world, answer["client_id"], answer["client_secret"])
    visitor, request = world.visitor(), registry.request(provider="github", scope="openid email offline_access")
    page = visitor.walk(visitor.authorize(request), "2fa-true")
    assert isinstance(page, Page)
    arrived = consent(world, visitor, page)
    assert isinstance(arrived, Arrival), arrived
    tokens = registry.redeem(arrived, request).response
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert requests.get(f"{world.base}/userinfo", headers=bearer, timeout=TIMEOUT).status_code == 200

    management = {"Authorization": f"Bearer {answer['registration_access_token']}"}
    gone = requests.delete(answer["registration_client_uri"], headers=management, timeout=TIMEOUT)
    assert gone.status_code == 204
    assert requests.get(f"{world.base}/userinfo", headers=bearer, timeout=TIMEOUT).status_code == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "code_verifier": "", "code": ""}
    assert registry.token_response("", "", refresh).json()["error"] == "invalid_client"
    with world.parts.database.read() as connection:
        for table in ("clients", "refresh_families", "consents"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0
    shown = visitor.walk(visitor.authorize(registry.request(provider="github")))
    assert isinstance(shown, Page)
    assert shown.status == 400
