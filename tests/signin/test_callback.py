"""The callback and what stands in front of it: odd returns, and proxies that are believed only when configured."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from flask import request

from broker.app import parts
from providers.standins import Standins
from providers.standins import browser as upstream
from tests.security.test_t1_side_paths import upstream_url
from tests.world import TIMEOUT, Arrival, World, running


@pytest.mark.parametrize("provider, persona", [("entra", "entra-mfa"), ("github", "2fa-true")])
def test_a_return_with_a_parameter_twice_is_refused(world: World, provider: str, persona: str) -> None:
    world.standins.toggles.set("duplicate_parameters")
    visitor = world.visitor()
    returned = upstream.sign_in(upstream_url(visitor, provider=provider), persona)
    response = visitor.come_back(returned)
    assert response.status_code == 400
    assert "invalid_response" in response.text


def test_an_oversized_return_is_refused_and_other_parameters_are_not_carried_along(world: World) -> None:
    visitor = world.visitor()
    huge = upstream.Returned(method="POST", url=f"{world.base}/callback/entra", fields=(("state", "s" * 5000),))
    assert visitor.come_back(huge).status_code == 400
    more = upstream.sign_in(upstream_url(visitor, provider="entra"), "entra-mfa")
    padded = upstream.Returned(method="POST", url=more.url, fields=(*more.fields, ("extra", "x" * 5000)))
    response = visitor.come_back(padded)
    assert len(response.headers["Location"]) < 4000
    assert isinstance(visitor.walk(response), Arrival)


def test_a_return_to_a_provider_nobody_knows_is_refused(world: World) -> None:
    visitor = world.visitor()
    assert visitor.get("/callback/nobody?" + urlencode({"code": "x", "state": "y"})).status_code == 400


def test_a_proxy_is_believed_when_it_is_configured(tmp_path: Path, standins: Standins) -> None:
    def behind_one(raw: dict[str, Any]) -> None:
        raw["trusted_proxies"] = 1

    with running(tmp_path, standins=standins, change=behind_one) as world:
        seen: dict[str, str] = {}

        @world.app.before_request
        def remember() -> None:
            seen.update(scheme=request.scheme, address=request.remote_addr or "")

        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7, 198.51.100.9"}
        requests.get(world.base + "/", headers=headers, timeout=TIMEOUT)
        assert seen == {"scheme": "https", "address": "198.51.100.9"}


def test_parts_are_those_of_an_application_of_ours(world: World) -> None:
    assert parts(world.app) is world.parts
    world.app.extensions["vestibule"] = None
    with pytest.raises(TypeError):
        parts(world.app)
    world.app.extensions["vestibule"] = world.parts
