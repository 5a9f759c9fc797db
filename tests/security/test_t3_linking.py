"""T3: linking and pre-hijacking. Never by email; a proof to link belongs to one session, user and provider."""

import pytest
from sqlalchemy import func, select

from broker.accounts.model import accounts, identities
from providers.standins import browser as upstream
from tests.world import Page, Visitor, World


def counts(world: World) -> tuple[int, int]:
    with world.parts.database.read() as connection:
        return (
            connection.execute(select(func.count()).select_from(accounts)).scalar_one(),
            connection.execute(select(func.count()).select_from(identities)).scalar_one(),
        )


def begin_link(visitor: Visitor, provider: str) -> str:
    leaving = visitor.page(visitor.submit(f"/account/link/{provider}"))
    return next(each for each in leaving.links if each.startswith("http://127.0.0.1"))


SAME_EMAIL = [
    ("entra-mfa", "entra"),
    ("msa-same-email", "msa"),
    ("gh-same-email", "github"),
    ("oidc-same-email", "generic"),
]


def test_t3_the_same_email_at_another_subject_is_never_the_same_account(world: World) -> None:
    subjects, emails = set(), set()
    for persona, provider in SAME_EMAIL:
        visitor = world.visitor()
        tokens = world.registry().redeem(visitor.sign_in(persona, provider), visitor.last_request)
        subjects.add(tokens.claims["sub"])
        emails.add(world.registry().userinfo(tokens.response["access_token"]).json().get("email"))
    assert len(subjects) == len(SAME_EMAIL)
    assert len(emails) == 1


def test_t3_a_link_callback_carried_to_another_users_browser_is_refused(world: World) -> None:
    attacker, victim = world.visitor(), world.visitor()
    attacker.open_account("2fa-true", "github")
    victim.open_account("entra-mfa", "entra")
    before = counts(world)
    returned = upstream.sign_in(begin_link(attacker, "msa"), "msa-mfa")
    ended = victim.walk(victim.come_back(returned))
    assert isinstance(ended, Page)
    assert ended.status == 400
    assert counts(world) == before
    # And it is used up: the attacker cannot finish it either.
    again = attacker.walk(attacker.come_back(returned))
    assert isinstance(again, Page)
    assert again.status == 400
    assert counts(world) == before


def test_t3_a_link_belongs_to_the_session_that_began_it(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    url = begin_link(visitor, "msa")
    # In the same browser somebody else signs in before the link returns.
    visitor.open_account("entra-mfa", "entra")
    before = counts(world)
    ended = visitor.walk(visitor.come_back(upstream.sign_in(url, "msa-mfa")))
    assert isinstance(ended, Page)
    assert ended.status == 400
    assert counts(world) == before


def test_t3_a_link_to_one_provider_is_not_finished_at_another(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    url = begin_link(visitor, "msa")
    returned = upstream.sign_in(url, "msa-mfa")
    moved = upstream.Returned(
        method=returned.method, url=returned.url.replace("/callback/msa", "/callback/entra"), fields=returned.fields
    )
    ended = visitor.walk(visitor.come_back(moved))
    assert isinstance(ended, Page)
    assert ended.status == 400
    assert counts(world) == (1, 1)


def test_t3_the_proof_to_link_is_single_use(world: World) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    returned = upstream.sign_in(begin_link(visitor, "msa"), "msa-mfa")
    assert isinstance(visitor.walk(visitor.come_back(returned)), Page)
    assert counts(world) == (1, 2)
    again = visitor.walk(visitor.come_back(returned))
    assert isinstance(again, Page)
    assert again.status == 400


def test_t3_the_proof_to_link_dies_when_the_identity_behind_it_is_unlinked(world: World) -> None:
    visitor, other = world.visitor(), world.visitor()
    visitor.open_account("2fa-true", "github")
    visitor.walk(visitor.come_back(upstream.sign_in(begin_link(visitor, "entra"), "entra-mfa")))
    url = begin_link(visitor, "msa")
    other.open_account("entra-mfa", "entra")
    with world.parts.database.read() as connection:
        github = connection.execute(select(identities.c.id).where(identities.c.provider_id == "github")).scalar_one()
    assert other.submit(f"/account/unlink/{github}").status_code == 303
    ended = visitor.walk(visitor.come_back(upstream.sign_in(url, "msa-mfa")))
    assert isinstance(ended, Page)
    assert ended.status == 400
    assert counts(world) == (1, 1)


@pytest.mark.parametrize(
    "address",
    [
        "ada@personas.example@evil.example",
        '"ada@personas.example"@evil.example',
        "ada(comment)@evil.example",
        "ada@personas.example,eve@evil.example",
        "ada@evil.example\x00",
        "<ada@evil.example>",
    ],
)
def test_t3_email_tricks_are_refused_as_addresses(world: World, address: str) -> None:
    visitor = world.visitor()
    visitor.open_account("2fa-true", "github")
    assert visitor.submit("/account/email", {"email": address}).status_code == 400


def test_t3_an_address_that_somebody_else_has_helps_nobody(world: World) -> None:
    ada, eve = world.visitor(), world.visitor()
    ada_claims = world.registry().redeem(ada.sign_in("2fa-true", "github"), ada.last_request).claims
    eve.open_account("entra-mfa", "entra")
    eve.submit("/account/email", {"email": "CANARY-2fa-true@personas.example"})
    eve_claims = world.registry().redeem(eve.sign_in("entra-mfa", "entra"), eve.last_request).claims
    assert eve_claims["sub"] != ada_claims["sub"]
