"""What was given out in good time, and what was closed afterwards: a client, an account, a provider; or a rule grew.

Each scene is set once, with a client and a session of its own. What was given out is in the hands of whoever attacks:
codes, tokens, pages that are open, people who are at their provider.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import update

from broker.accounts.model import accounts
from broker.oidc.scopes import MANAGEMENT
from broker.settings.clients import ClientMetadata
from providers.standins import browser as upstream
from providers.standins.browser import Returned
from tests.oidc.kinds import API, consent
from tests.organizations import SignedIn, invited, organization
from tests.security.table.house import EVERY_GRANT, SCOPES, House
from tests.world import Page, Visitor, running


@dataclass(frozen=True, kw_only=True)
class Given:
    """``house`` is where to come with it. ``forms`` redeem something each, by grant."""

    house: House
    client_id: str
    visitor: Visitor
    account_id: str
    forms: Mapping[str, dict[str, str]]
    tokens: Mapping[str, Any]
    for_api: str
    service_token: str
    request_uri: str
    consent: Page
    device: Page
    device_codes: Mapping[str, str]
    user_code: str
    transaction: str
    away: Visitor
    returned: Returned
    form_token: str
    probe: str
    managing: str
    invitation: str


def given_out(house: House, persona: str, provider: str) -> Given:
    """Return all that a third party's client and its user can have of a broker that is all right."""
    scopes = [*SCOPES, *sorted(MANAGEMENT)]
    client_id = house.add_client(
        first_party=False, resources=[API], name="Third Party", scopes=[*scopes, "introspection"]
    )
    visitor, away = house.visitor(persona, provider), house.world.visitor()
    wishes: tuple[dict[str, str], ...] = ({"resource": API}, {"scope": " ".join(scopes)})
    for wish in wishes:
        page = visitor.walk(visitor.authorize(house.request(client_id, **wish)))
        assert isinstance(page, Page)
        consent(house.world, visitor, page)
    asking = visitor.walk(visitor.authorize(house.request(client_id, prompt="consent")))
    assert isinstance(asking, Page)
    codes, waiting = house.device(client_id), house.device(client_id)
    transaction = away.authorize(house.request(client_id)).headers["Location"]
    begun = away.get(f"{transaction}/{provider}")
    while begun.headers["Location"].startswith("/"):
        begun = away.get(begun.headers["Location"])
    pushed = house.call("/par", client_id, house.request(client_id, prompt="none").parameters)
    account = visitor.page(visitor.get("/account"))
    own = organization(house.world, SignedIn(world=house.world, visitor=visitor), f"House {uuid4()}")
    service = house.call("/token", client_id, {"grant_type": "client_credentials"})
    return Given(
        house=house,
        client_id=client_id,
        visitor=visitor,
        account_id=visitor.get("/account/data.json").json()["account"]["id"],
        tokens=house.tokens(client_id, visitor),
        for_api=house.tokens(client_id, visitor, resource=API)["access_token"],
        forms={grant: house.grant_form(grant, client_id, visitor) for grant in EVERY_GRANT},
        service_token=service.json()["access_token"],
        request_uri=pushed.json()["request_uri"],
        consent=asking,
        device=house.question(codes, visitor),
        device_codes=codes,
        user_code=waiting["user_code"],
        transaction=transaction,
        away=away,
        returned=upstream.sign_in(begun.headers["Location"], persona),
        form_token=account.form_token(),
        probe=house.world.parts.proofs.start_probe(provider, house.world.clock()),
        managing=house.tokens(client_id, visitor, scope=" ".join(scopes))["access_token"],
        invitation=invited(own, "somebody@example.org", house.folder)[1],
    )


def client_disabled(house: House) -> Given:
    given, parts = given_out(house, "entra-mfa", "entra"), house.world.parts
    with parts.database.begin() as connection:
        parts.clients.set_status(connection, given.client_id, "disabled", parts.audit, house.world.clock())
    return given


def account_closed(house: House) -> Given:
    given = given_out(house, "msa-mfa", "msa")
    with house.world.parts.database.begin() as connection:
        connection.execute(update(accounts).where(accounts.c.id == given.account_id).values(status="disabled"))
    return given


def provider_off(house: House) -> Given:
    """Return what to come with to a second broker, over the same stores, that has the provider switched off."""
    given = given_out(house, "2fa-true", "github")

    def change(raw: dict[str, Any]) -> None:
        raw.clear()
        raw.update(deepcopy(house.world.raw))
        raw["providers"]["github"]["enabled"] = False

    url = house.world.raw["database"]["url"]
    other = running(house.folder, standins=house.world.standins, database_url=url, change=change)
    elsewhere = replace(house, world=house.until_then.enter_context(other))

    def moved(visitor: Visitor) -> Visitor:
        there = Visitor(elsewhere.world)
        there.http.cookies.update(visitor.http.cookies)
        return there

    returned = replace(given.returned, url=given.returned.url.replace(house.base, elsewhere.base))
    return replace(given, house=elsewhere, visitor=moved(given.visitor), away=moved(given.away), returned=returned)


def rule_tightened(house: House) -> Given:
    """The client asks for more now than what was proven to it."""
    given = given_out(house, "oidc-mfa", "generic")
    _changed(given, strength="phishing_resistant")
    return given


def provider_dropped(house: House) -> Given:
    """The client does not take the provider any more by which they came."""
    given = given_out(house, "oidc-phr", "generic")
    _changed(given, providers=["entra", "github"])
    return given


def _changed(given: Given, **changes: object) -> None:
    """Change the client's registration."""
    house, parts = given.house, given.house.world.parts
    metadata = {**house.clients[given.client_id], **changes}
    del metadata["secret"]
    with parts.database.begin() as connection:
        registered = parts.clients.registered(connection, given.client_id)
        assert registered is not None
        parts.clients.replace(
            connection,
            given.client_id,
            ClientMetadata.model_validate(metadata),
            parts.audit,
            house.world.clock(),
            secret_sha256=registered.client.secret_sha256,
        )


def proof_aged(house: House) -> Given:
    """Somebody whose proof lasts for eight hours. The caller lets them pass."""
    return given_out(house, "2fa-true", "github")


EIGHT_HOURS = timedelta(hours=8, seconds=1)
NO_MORE_FRESH = timedelta(minutes=16)
