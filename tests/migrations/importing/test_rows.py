"""What one row says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from migrations.accounts.importing.identities import Identities
from migrations.accounts.importing.report import Code
from migrations.accounts.importing.rows import LegacyRow, Refused, read, registry_id_of
from migrations.accounts.records import Kind, Package
from tests.migrations.importing.exported import row
from tests.migrations.legacy import aspnet_v3

NOBODY = Identities({})
KEY = bytes(32)


def taken(**members: Any) -> LegacyRow:
    return read(row("42") | members, NOBODY)


def refused(**members: Any) -> Code:
    with pytest.raises(Refused) as error:
        taken(**members)
    return error.value.code


def test_a_whole_row_is_taken() -> None:
    text = aspnet_v3("a password")
    found = taken(
        name=" Ada ",
        password_hash=text,
        password_format="aspnet-identity",
        kind="alias",
        last_sign_in="2021-05-04T12:00:00+02:00",
        packages=[
            {"name": "x", "role": "Owner", "downloads": 5, "repository": "https://github.com/ada/x"},
            {"name": "y", "role": "author", "downloads": 70},
            {"name": "z", "role": "owner"},
        ],
        keys=3,
    )
    assert (found.registry_id, found.name, found.email, found.email_confirmed) == (
        *("42", "Ada", "user42@old.example"),
        True,
    )
    assert found.password is not None
    assert (found.password[0], found.password[1].format) == (text, "aspnet_v3")
    assert (found.kind, found.keys, found.downloads) == (Kind.ALIAS, 3, 5)
    assert found.last_sign_in == datetime(2021, 5, 4, 10, tzinfo=UTC)
    assert found.packages[0] == Package(name="x", role="owner", downloads=5, repository="https://github.com/ada/x")
    assert (found.subjects, found.remarks) == ((), ())


def test_a_row_needs_no_more_than_an_id_and_a_name() -> None:
    found = read({"registry_id": 42, "name": "ada", "email": None, "kind": None, "packages": None}, NOBODY)
    assert (found.registry_id, found.kind, found.email, found.email_confirmed) == ("42", Kind.PERSON, None, False)
    assert (found.password, found.last_sign_in, found.packages, found.keys, found.downloads) == (None, None, (), 0, 0)


@pytest.mark.parametrize("value", [None, "", "a b", "é", "a" * 129, 4.2, True, ["42"], "42\n", "../42"])
def test_an_id_that_is_none_is_refused(value: Any) -> None:
    assert refused(registry_id=value) is Code.REGISTRY_ID
    assert registry_id_of({"registry_id": value}) is None


BAD: dict[Code, tuple[str, tuple[Any, ...]]] = {
    Code.UNKNOWN_MEMBER: ("pasword_hash", ("x",)),
    Code.NAME: ("name", (None, "", " ", "a" * 201, "a\x00b", "a\u202eb", "\ud800", 7)),
    Code.CONFIRMED: ("email_confirmed", ("true", 1, "maybe")),
    Code.KIND: ("kind", ("Person", "team", 1, "")),
    Code.LAST_SIGN_IN: (
        "last_sign_in",
        ("2021-05-04T10:00:00", "2021-05-04", "yesterday", 1620122400, "0001-01-01T00:00:00+14:00"),
    ),
    Code.KEYS: ("keys", (-1, 1.5, "3", True, 2**31)),
    Code.IDENTITIES: ("identities", ("x", ["x"], [{"provider": "x"}] * 21)),
    Code.PACKAGES: (
        "packages",
        (
            *("x", {}, ["x"], [{}], [{"name": "x"}], [{"name": "x", "role": 1}], [{"name": "", "role": "owner"}]),
            [{"name": "x\ud800", "role": "owner"}],
            [{"name": "a" * 201, "role": "owner"}],
            [{"name": "x", "role": "owner", "downloads": -1}],
            [{"name": "x", "role": "owner", "downloads": "5"}],
            [{"name": "x", "role": "owner", "repository": 5}],
            [{"name": "x", "role": "owner", "license": "MIT"}],
            [{"name": "x", "role": "owner", "downloads": 2**62}] * 2,
        ),
    ),
}


@pytest.mark.parametrize("code, name, value", [(code, name, each) for code, (name, bad) in BAD.items() for each in bad])
def test_what_cannot_be_meant_is_refused_by_a_code_of_its_own(code: Code, name: str, value: Any) -> None:
    assert refused(**{name: value}) is code


@pytest.mark.parametrize(
    "value, form, because",
    [
        ("nonsense", None, "unknown"),
        ("$2b$10$truncated", None, "truncated"),
        pytest.param(aspnet_v3("x"), "bcrypt", "malformed", id="another_format"),
        pytest.param(aspnet_v3("x"), "no-such-format", "unknown", id="no_format"),
        ("$6$salt$digest", None, "unsupported"),
        (7, None, "no text"),
        pytest.param(aspnet_v3("x"), 7, "no text", id="a_number"),
    ],
)
def test_a_hash_that_cannot_be_used_costs_the_account_its_password_alone(value: Any, form: Any, because: str) -> None:
    found = taken(password_hash=value, password_format=form)
    assert found.password is None
    assert [each.code for each in found.remarks] == [Code.PASSWORD_LEFT]
    assert because in found.remarks[0].because


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "a@b@c", "ada@old.example\n", '"a b"@x.example', 7, "ä@x.example"]
)
def test_an_address_that_cannot_be_used_is_left_out_and_confirms_nothing(email: Any) -> None:
    found = taken(email=email)
    assert (found.email, found.email_confirmed) == (None, False)
    assert [each.code for each in found.remarks] == [Code.EMAIL_LEFT]


def test_a_row_is_the_same_row_however_it_is_written() -> None:
    same = [
        taken(last_sign_in="2021-05-04T10:00:00Z", kind="person"),
        taken(last_sign_in="2021-05-04T12:00:00+02:00", packages=[], keys=0),
        read(row("42") | {"registry_id": 42, "last_sign_in": "2021-05-04T10:00:00+00:00", "kind": None}, NOBODY),
    ]
    assert len({each.mac(KEY) for each in same}) == 1
    assert same[0].mac(KEY) != same[0].mac(b"\1" * 32)


def test_every_member_counts_for_whether_a_row_changed() -> None:
    rows = [
        taken(),
        taken(registry_id="43"),
        taken(name="other"),
        taken(email="other@old.example"),
        taken(email=None),
        taken(email_confirmed=False),
        taken(password_hash="AAAA" * 16 + "A="),
        taken(password_hash=aspnet_v3("a")),
        taken(kind="alias"),
        taken(last_sign_in="2021-05-04T10:00:00Z"),
        taken(packages=[{"name": "x", "role": "owner"}]),
        taken(packages=[{"name": "x", "role": "owner", "repository": "https://x.example"}]),
        taken(keys=1),
    ]
    assert len({each.mac(KEY) for each in rows}) == len(rows) - 1, "a hash that was not taken is as none"


def test_the_same_bcrypt_is_another_hash_where_devise_made_it() -> None:
    text = "$2b$10$" + "." * 22 + "." * 31
    plain, devise = taken(password_hash=text), taken(password_hash=text, password_format="devise-bcrypt")
    assert (plain.remarks, devise.remarks) == ((), ())
    assert plain.mac(KEY) != devise.mac(KEY)
