"""The ``wids`` claim: what a list of directory roles looks like, and what only looks like one."""

import pytest

from providers.microsoft.roles import (
    GLOBAL_ADMINISTRATOR,
    ORDINARY_USER,
    PRIVILEGED_ROLE_ADMINISTRATOR,
    SPEAKING_ROLES,
    directory_roles,
)

READER = "5d6b6bb7-de71-4623-b4af-96380a352509"


def guids(count: int) -> list[str]:
    return [f"{number:08x}-0000-4000-8000-000000000000" for number in range(count)]


def test_two_roles_may_speak_for_a_tenant_and_the_one_that_everybody_has_may_not() -> None:
    assert {GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR} == SPEAKING_ROLES
    assert ORDINARY_USER not in SPEAKING_ROLES
    assert directory_roles([ORDINARY_USER]) == frozenset()


@pytest.mark.parametrize(
    "wids, roles",
    [
        ([GLOBAL_ADMINISTRATOR, ORDINARY_USER], {GLOBAL_ADMINISTRATOR}),
        ([READER.upper()], {READER}),
        ([READER, GLOBAL_ADMINISTRATOR], {READER, GLOBAL_ADMINISTRATOR}),
        (guids(64), set(guids(64))),
    ],
)
def test_an_array_of_guids_is_read_in_either_case(wids: object, roles: set[str]) -> None:
    assert directory_roles(wids) == roles


@pytest.mark.parametrize(
    "wids",
    [
        None,
        True,
        7,
        "",
        GLOBAL_ADMINISTRATOR,
        f"{GLOBAL_ADMINISTRATOR} {ORDINARY_USER}",
        f'["{GLOBAL_ADMINISTRATOR}"]',
        {GLOBAL_ADMINISTRATOR: True},
        {"0": GLOBAL_ADMINISTRATOR},
        [],
        [[GLOBAL_ADMINISTRATOR]],
        [GLOBAL_ADMINISTRATOR, None],
        [GLOBAL_ADMINISTRATOR, 7],
        [GLOBAL_ADMINISTRATOR, ""],
        [GLOBAL_ADMINISTRATOR, "Global Administrator"],
        [GLOBAL_ADMINISTRATOR, f"{READER}\n"],
        [f" {GLOBAL_ADMINISTRATOR}"],
        [f"{{{GLOBAL_ADMINISTRATOR}}}"],
        [GLOBAL_ADMINISTRATOR.replace("-", "")],
        [GLOBAL_ADMINISTRATOR, GLOBAL_ADMINISTRATOR],
        [GLOBAL_ADMINISTRATOR, GLOBAL_ADMINISTRATOR.upper()],
        [GLOBAL_ADMINISTRATOR, *guids(64)],
        [GLOBAL_ADMINISTRATOR.replace("0", "٠")],
    ],
    ids=lambda wids: str(wids)[:40],
)
def test_t2_t4_of_a_wids_of_another_shape_not_one_role_is_believed(wids: object) -> None:
    assert directory_roles(wids) == frozenset()
