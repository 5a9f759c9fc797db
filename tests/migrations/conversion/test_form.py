"""What can be typed: names of organisations, and addresses of at least two different people."""

import pytest

from migrations.accounts.conversion.form import MOST, NAME, BadInput, Typed, Wish, mailbox_of, place, read

SHARED = "team@contoso.example"
GOOD = ("ada@example.org", "bob@example.org")


def problems_of(name: str, *admins: str, taken: bool = False) -> tuple[dict[str, str], int]:
    with pytest.raises(BadInput) as refused:
        read(Typed(organization=name, admins=admins), SHARED, lambda _: taken)
    return {field: text.split(".")[0] for field, text in refused.value.problems.items()}, refused.value.status


def test_a_name_and_two_people_are_taken_as_they_are_meant() -> None:
    typed = Typed(organization="  Contoso   Packages ", admins=("", *GOOD, ""))
    assert read(typed, SHARED, lambda _: False) == Wish(organization="Contoso Packages", admins=list(GOOD))


@pytest.mark.parametrize(
    "admins, wrong",
    [
        ((), {1: "Name at least two people, so that nobody is ever the only admin"}),
        (("ada@example.org",), {2: "Name at least two people, so that nobody is ever the only admin"}),
        (("ada@example.org", ""), {2: "Name at least two people, so that nobody is ever the only admin"}),
        (("ada", "bob@example.org"), {1: "That is not an email address we can take"}),
        (("ada@example.org", "bob@example.org\r\nBcc: eve@example.org"), {2: "That is not an email address we can"}),
        (("ada@example.org", "ADA@example.ORG"), {2: "That mailbox stands above already"}),
        (("ada@example.org", "a.da+other@example.org"), {2: "That mailbox stands above already"}),
        ((SHARED, *GOOD), {1: "That is the shared mailbox"}),
        (("ada@example.org", "TEAM@Contoso.example"), {2: "That is the shared mailbox"}),
        (("te.am+ada@contoso.example", "team+bob@contoso.example"), {1: "That is the shared", 2: "That is the shared"}),
        ((*GOOD, "nobody", ""), {3: "That is not an email address we can take"}),
        (tuple(f"{n}@example.org" for n in range(MOST + 1)), {MOST: "Name at most 10 people"}),
    ],
)
def test_t3_addresses_that_are_not_of_two_people_are_refused_beside_their_field(
    admins: tuple[str, ...], wrong: dict[int, str]
) -> None:
    found, status = problems_of("Contoso", *admins)
    assert status == 400
    assert found.keys() == {place(number - 1) for number in wrong}
    assert all(found[place(number - 1)].startswith(text) for number, text in wrong.items())


def test_all_that_is_wrong_is_told_at_once() -> None:
    found, status = problems_of("http://evil.example", "ada", "bob")
    assert (set(found), status) == ({NAME, place(0), place(1)}, 400)


def test_a_name_that_another_organisation_has_is_refused() -> None:
    assert problems_of("Contoso", *GOOD, taken=True) == (
        {NAME: "Another organisation has this name, or one that reads the same"},
        409,
    )


def test_mailboxes_are_told_apart_by_what_leads_to_different_ones() -> None:
    assert mailbox_of("A.Da+x@Example.org") == mailbox_of("ada@example.org")
    assert mailbox_of("ada@GoogleMail.com") == mailbox_of("a.da@gmail.com")
    assert len({mailbox_of(each) for each in ("ada@a.example", "ada@b.example", "adam@a.example")}) == 3
