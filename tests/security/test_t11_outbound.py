"""T11: outbound calls and secrets. Nothing is fetched where a stranger points; provider tokens are not kept."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.world import Arrival, Page, World

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("toggle", ["discovery_redirect", "jwks_redirect", "token_redirect"])
def test_t11_a_redirect_of_a_provider_is_not_followed(world: World, toggle: str) -> None:
    world.standins.toggles.set(toggle)
    ended = world.visitor().sign_in("oidc-mfa", "generic")
    assert isinstance(ended, Page)
    assert ended.status == 403
    assert not any("/elsewhere" in seen.path for seen in world.standins.requests)


def test_t11_a_discovery_document_does_not_move_our_secret_to_another_host(world: World) -> None:
    # Microsoft's hosts are configured. Elsewhere the endpoints are the document's to name: Google's are on other hosts.
    world.standins.forget_requests()
    world.standins.toggles.set("discovery_host")
    for who, provider in (("msa-mfa", "msa"), ("entra-mfa", "entra")):
        ended = world.visitor().sign_in(who, provider)
        assert isinstance(ended, Page)
        assert ended.status == 403
    foreign = [seen for seen in world.standins.requests if seen.host.startswith("127.0.0.1:") and "token" in seen.path]
    assert not foreign


def test_t11_githubs_token_is_deleted_after_use(world: World) -> None:
    before = world.standins.live_tokens()
    assert isinstance(world.visitor().sign_in("2fa-true", "github"), Arrival)
    assert isinstance(world.visitor().sign_in("2fa-false", "github"), Page)
    assert world.standins.live_tokens() == before


def test_t11_a_provider_that_answers_without_end_is_cut_off(world: World) -> None:
    for toggle, persona, provider in (
        ("token_huge", "2fa-true", "github"),
        ("api_huge", "2fa-true", "github"),
        ("token_huge", "entra-mfa", "entra"),
        ("token_huge", "oidc-mfa", "generic"),
    ):
        world.standins.toggles.reset()
        world.standins.toggles.set(toggle)
        ended = world.visitor().sign_in(persona, provider)
        assert isinstance(ended, Page)
        assert ended.meta("reason") in ("unavailable", "invalid_response")


def test_t11_no_key_is_in_the_repository() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    private = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}")
    found = [name for name in listed if name and (ROOT / name).is_file() and private.search((ROOT / name).read_bytes())]
    assert len(listed) > 50
    assert not found
