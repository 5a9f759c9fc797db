"""Every address and every grant is in the table, and what the table says of it holds."""

import inspect
from typing import get_args

import pytest
from flask import Flask

from broker.settings.clients import GrantType
from tests.security.table.endpoints import ENDPOINTS
from tests.security.table.families import Family, Row
from tests.security.table.house import House
from tests.security.table.old_world import OLD_WORLD
from tests.security.table.organizations import RESOURCES, ROOMS
from tests.security.table.pages import PAGES
from tests.security.table.places import Check

TABLE = {**ENDPOINTS, **RESOURCES, **PAGES, **ROOMS, **OLD_WORLD}
CELLS = [
    pytest.param(check, id=f"{family}-{row}-{number}".replace("/", "."))
    for row, cells in TABLE.items()
    for family, cell in cells.items()
    if not isinstance(cell, str)
    for number, check in enumerate(cell, 1)
]


def test_every_rule_and_method_is_in_the_table_and_nothing_else(house: House) -> None:
    served = {
        (method, rule.rule)
        for rule in house.world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(row.method, row.rule) for row in TABLE} == served


def test_every_grant_is_in_the_table_and_nothing_else(house: House) -> None:
    grants = {row.grant for row in TABLE if row.rule == "/token"}
    metadata = house.send("GET", "/.well-known/openid-configuration").json()
    assert grants == set(metadata["grant_types_supported"]) == set(get_args(GrantType)) == _registered(house.world.app)


def _registered(app: Flask) -> set[str]:
    """Return the grants that the token endpoint answers to, whatever is said about them."""
    api = inspect.getclosurevars(app.view_functions["oidc_api.token"]).nonlocals["context"]
    return {grant.GRANT_TYPE for grant, _ in api.server._token_grants}


def test_t10_every_change_by_a_browser_needs_a_form_of_ours(house: House) -> None:
    """But for what programs call, and what comes from another site by its nature, which changes nothing by itself."""
    exempt = {"/authorize", "/callback/<provider_id>", "/logout"} | {row.rule for row in {**ENDPOINTS, **RESOURCES}}
    for row in TABLE:
        if row.method == "GET" or row.rule in exempt:
            continue
        response = house.person.http.request(row.method, house.base + row.rule.replace("<", "").replace(">", ""))
        assert (response.status_code, "This form has expired" in response.text) == (400, True), row


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_every_family_has_a_check_or_a_reason(row: Row) -> None:
    cells = TABLE[row]
    assert set(cells) == set(Family)
    assert all(cells.values())


@pytest.mark.parametrize("check", CELLS)
def test_what_the_table_says_holds(house: House, check: Check) -> None:
    check(house)
