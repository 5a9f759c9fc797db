"""A running broker in its campaign, an operator's browser, and one of anybody else."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import update

from migrations.accounts.campaign.campaign import Campaign
from migrations.accounts.cases import Case, CaseKind
from migrations.accounts.effects import Effects
from migrations.accounts.model import legacy_accounts
from migrations.accounts.records import LegacyAccount
from providers.standins import Standins
from tests.migrations.legacy import with_campaign
from tests.organizations import OPERATOR_PERSONA, OPERATOR_PROVIDER, SignedIn, signed_in
from tests.world import World, running

HERE = "/operator/migration"
PERSONA, PROVIDER = "2fa-true", "github"


@dataclass(kw_only=True)
class Office:
    """``operator`` signed in just now."""

    world: World
    operator: SignedIn

    @property
    def campaign(self) -> Campaign:
        old_world = self.world.parts.people.old_world
        assert old_world is not None
        return old_world.campaign

    @property
    def effects(self) -> Effects:
        return self.campaign.effects

    def get(self, path: str) -> requests.Response:
        """Return a page as the operator sees it."""
        return self.operator.visitor.get(path)

    def post(self, path: str, data: Mapping[str, str] | None = None) -> requests.Response:
        """Send a form as the operator would."""
        return self.operator.visitor.submit(path, data, page=HERE)

    def legacy(self, registry_id: str) -> LegacyAccount:
        with self.world.parts.database.read() as connection:
            found = self.effects.ledger.get(connection, registry_id)
        assert found is not None
        return found

    def put(self, registry_id: str, **values: Any) -> None:
        """Change columns of an account."""
        with self.world.parts.database.begin() as connection:
            change = update(legacy_accounts).where(legacy_accounts.c.registry_id == registry_id)
            connection.execute(change.values(**values))

    def begin(
        self, registry_id: str, person: SignedIn, kind: CaseKind = CaseKind.CLAIM, *, effective: bool = False
    ) -> Case:
        """Have somebody claim an account."""
        now = self.world.clock()
        with self.world.parts.database.begin() as connection:
            held = self.effects.ledger.held(connection, registry_id)
            way = self.world.parts.people.authority.person(connection, person.session, now).proven
            details = {"organization": "Ours"} if kind is CaseKind.CONVERSION else None
            case = self.effects.begin(connection, held, kind, way, now, due_at=now + timedelta(days=3), details=details)
            return self.effects.take_effect(connection, case, now) if effective else case

    def someone(self) -> SignedIn:
        """Return the person, signed in anew: what was undone has ended their sessions."""
        return signed_in(self.world, PERSONA, PROVIDER)

    def stopped(self, registry_id: str, person: SignedIn) -> Case:
        """Have somebody claim an account, and its old address say no before it takes effect."""
        case = self.begin(registry_id, person)
        with self.world.parts.database.begin() as connection:
            return self.effects.stop(connection, case, self.world.clock())

    def undone(self, registry_id: str, person: SignedIn) -> Case:
        """Have somebody claim an account, and its old address say no afterwards."""
        case = self.begin(registry_id, person, effective=True)
        with self.world.parts.database.begin() as connection:
            return self.effects.undo(connection, case, self.world.clock())

    @contextmanager
    def later(self, by: timedelta) -> Iterator[None]:
        """Be there later: what was fresh is not."""
        self.world.clock.move(by)
        try:
            yield
        finally:
            self.world.clock.move(-by)


@contextmanager
def opened(folder: Path, standins: Standins) -> Iterator[Office]:
    """Yield one. The folder has a migrated database."""
    with running(folder, standins=standins, change=with_campaign) as world:
        operator = signed_in(world, OPERATOR_PERSONA, OPERATOR_PROVIDER)
        with world.parts.database.begin() as connection:
            world.parts.people.operators.add(connection, operator.account_id, world.clock())
        yield Office(world=world, operator=operator)


def text_of(page: requests.Response) -> str:
    """Return what a page says, in one line."""
    body = page.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def location(answer: requests.Response) -> str:
    """Return where an answer leads."""
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]
