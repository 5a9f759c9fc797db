"""Where only operators make organisations."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from providers.standins import CONTOSO, Standins
from tests.accounts.organizations.pages.hall import Hall, words
from tests.world import running


@pytest.fixture
def hall(tmp_path: Path, standins: Standins, migrated_sqlite: Path) -> Iterator[Hall]:
    shutil.copy(migrated_sqlite, tmp_path / "vestibule.db")

    def change(raw: dict[str, Any]) -> None:
        raw["operators"] = {"tenants": [CONTOSO]}
        raw["organizations"] = {"creation": "operators"}

    with running(tmp_path, standins=standins, change=change) as world:
        yield Hall(world, tmp_path)


def test_only_operators_make_organisations_where_settings_say_so(hall: Hall) -> None:
    tom = hall.tom
    with hall.books() as connection:
        hall.people.operators.add(connection, tom.account_id, hall.world.clock())
    assert "Ask them for one." in hall.ada.text("/organizations")
    refused = hall.ada.submit("/organizations", {"name": "Ada's"}, page="/account")
    assert refused.status_code == 403
    assert "New organisations are made by the people who run this service." in words(refused)
    made = tom.press("/organizations", "", {"name": "House of Contoso"})
    assert made.status_code == 303
    assert hall.role(made.headers["Location"].partition("?")[0], tom) == "admin"
    signed_out = hall.world.visitor()
    assert signed_out.get("/organizations").status_code == 303
