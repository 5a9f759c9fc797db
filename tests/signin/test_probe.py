"""Probes over HTTP: one real sign-in, shown masked, that signs nobody in and proves the provider."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from broker.accounts.model import accounts
from broker.signin.proofs import ProofState
from providers.standins import Standins
from providers.standins import browser as upstream
from tests.world import Page, Visitor, World, running


def unproven(raw: dict[str, Any]) -> None:
    for provider in raw["providers"].values():
        provider["insecure_allow_unproven"] = False


def probe(world: World, provider: str, persona: str) -> tuple[str, Page, Visitor]:
    token = world.parts.proofs.start_probe(provider, world.clock())
    visitor = world.visitor()
    chooser = visitor.walk(visitor.get(f"/probe/{token}"))
    assert isinstance(chooser, Page)
    link = next(each for each in chooser.links if each.endswith(f"/{provider}"))
    ended = visitor.walk(visitor.get(link), persona)
    assert isinstance(ended, Page)
    return token, ended, visitor


def test_a_probe_that_brings_evidence_proves_the_provider_at_once_and_signs_nobody_in(
    tmp_path: Path, standins: Standins
) -> None:
    with running(tmp_path, standins=standins, change=unproven) as world:
        visitor = world.visitor()
        page = visitor.walk(visitor.authorize(world.registry().request()))
        assert isinstance(page, Page)
        assert "There is no way to sign in" in page.text
        for provider, persona in (
            ("entra", "entra-mfa"),
            ("github", "2fa-true"),
            ("generic", "oidc-mfa"),
            ("msa", "msa-mfa"),
        ):
            assert world.parts.proofs.state(provider) is ProofState.UNPROVEN
            token, ended, browser = probe(world, provider, persona)
            assert ended.status == 200
            assert "The evidence came" in ended.text
            assert "canary" not in ended.text.lower()
            assert browser.get("/account").status_code == 303
            assert world.parts.proofs.state(provider) is ProofState.PROVEN
            result = world.parts.proofs.probe_result(token)
            assert result is not None
            assert result.satisfied
        with world.parts.database.read() as connection:
            assert connection.execute(select(func.count()).select_from(accounts)).scalar_one() == 0
        signed_in = world.registry().redeem(visitor.sign_in("entra-mfa", "entra"), visitor.last_request)
        assert signed_in.claims["sub"]


def test_a_probe_without_evidence_proves_nothing(tmp_path: Path, standins: Standins) -> None:
    with running(tmp_path, standins=standins, change=unproven) as world:
        token, ended, _ = probe(world, "entra", "entra-pwd")
        assert "The evidence did not come" in ended.text
        assert world.parts.proofs.state("entra") is ProofState.UNPROVEN
        result = world.parts.proofs.probe_result(token)
        assert result is not None
        assert (result.satisfied, result.reason) == (False, "too_weak")


def test_a_probe_is_good_for_one_sign_in(tmp_path: Path, standins: Standins) -> None:
    with running(tmp_path, standins=standins, change=unproven) as world:
        token = world.parts.proofs.start_probe("github", world.clock())
        one, two = world.visitor(), world.visitor()
        returned = []
        for visitor in (one, two):
            page = visitor.walk(visitor.get(f"/probe/{token}"))
            assert isinstance(page, Page)
            begun = visitor.get(next(each for each in page.links if each.endswith("/github")))
            returned.append(upstream.sign_in(begun.headers["Location"], "2fa-true"))
        assert visitor.get(f"/probe/{token}/done").status_code == 404
        done = one.walk(one.come_back(returned[0]))
        assert isinstance(done, Page)
        assert done.status == 200
        late = two.walk(two.come_back(returned[1]))
        assert isinstance(late, Page)
        assert late.status == 400
        assert one.get(f"/probe/{token}").status_code == 404
        assert one.get("/probe/nothing").status_code == 404


def test_a_probe_waits_half_an_hour_and_only_for_a_provider_that_is_there(world: World) -> None:
    token = world.parts.proofs.start_probe("github", world.clock())
    missing = world.parts.proofs.start_probe("gone", world.clock())
    assert world.visitor().get(f"/probe/{missing}").status_code == 404
    world.clock.move(timedelta(minutes=31))
    assert world.visitor().get(f"/probe/{token}").status_code == 404


def test_nothing_is_given_up_where_there_is_nowhere_to_go_back_to(world: World) -> None:
    visitor = world.visitor()
    response = visitor.get("/signin")
    transaction = response.headers["Location"].rpartition("/")[2]
    assert visitor.get(f"/leave/{transaction}").status_code == 400
    token = world.parts.proofs.start_probe("github", world.clock())
    transaction = visitor.get(f"/probe/{token}").headers["Location"].rpartition("/")[2]
    assert visitor.get(f"/leave/{transaction}").status_code == 400
