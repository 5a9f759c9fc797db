"""Which accounts several people seem to share."""

import pytest

from migrations.accounts.importing.aliases import held, is_role
from migrations.accounts.records import Alias, Kind

ROLES = [
    *("team@x.example", "packages@x.example", "ADMIN@x.example", "dev@x.example", "info@x.example"),
    *("opensource@x.example", "open-source@x.example", "nuget@x.example", "no-reply@x.example", "support@x.example"),
    *("dev-team@x.example", "packages+nuget@x.example", "nuget_admin@x.example", "contoso-team@x.example"),
    *("packages.contoso@mail.example", "team1@x.example", "dev+x@x.example", "release.engineering@x.example"),
]
PEOPLE = [
    *("ada@x.example", "ada.lovelace@x.example", "api.smith@x.example", "robert-dev@x.example", "ada+nuget@x.example"),
    *("teamster@x.example", "adminson@x.example", "devi@x.example", "mailer.daemonson@x.example", "it.girl@x.example"),
    *("1234@x.example", "-@x.example", "dev.x@x.example"),
]


@pytest.mark.parametrize("email", ROLES)
def test_the_address_of_a_role_is_proposed(email: str) -> None:
    assert is_role(email)
    assert held(Kind.PERSON, email, None) is Alias.PROPOSED


@pytest.mark.parametrize("email", PEOPLE)
def test_the_address_of_a_person_is_not(email: str) -> None:
    assert not is_role(email)
    assert held(Kind.PERSON, email, None) is None


def test_the_registrys_own_word_confirms() -> None:
    assert held(Kind.ALIAS, "ada@x.example", None) is Alias.CONFIRMED
    assert held(Kind.ALIAS, None, (Kind.PERSON, Alias.PROPOSED)) is Alias.CONFIRMED


def test_nobody_is_proposed_without_an_address() -> None:
    assert held(Kind.PERSON, None, None) is None


@pytest.mark.parametrize("now", list(Kind))
@pytest.mark.parametrize(
    "decided", [(Kind.PERSON, Alias.CONFIRMED), (Kind.PERSON, Alias.REJECTED), (Kind.ALIAS, Alias.REJECTED)]
)
def test_what_a_person_decided_stays(now: Kind, decided: tuple[Kind, Alias]) -> None:
    assert held(now, "team@x.example", decided) is decided[1]
    assert held(now, "ada@x.example", decided) is decided[1]


@pytest.mark.parametrize("email", ["team@x.example", "ada@x.example", None])
def test_what_was_proposed_stays_so_until_somebody_has_looked(email: str | None) -> None:
    assert held(Kind.PERSON, email, (Kind.PERSON, Alias.PROPOSED)) is Alias.PROPOSED


@pytest.mark.parametrize("before", [(Kind.PERSON, None), (Kind.ALIAS, Alias.CONFIRMED)])
def test_what_nobody_decided_follows_the_new_row(before: tuple[Kind, Alias | None]) -> None:
    assert held(Kind.PERSON, "team@x.example", before) is Alias.PROPOSED
    assert held(Kind.PERSON, "ada@x.example", before) is None
