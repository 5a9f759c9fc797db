"""What one row says, typed; or why it is not taken."""

import hmac
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from claims.profile import Profile
from migrations.accounts.hashes.formats import Parsed, UnknownHash, parse
from migrations.accounts.importing.identities import BadIdentity, Identities
from migrations.accounts.importing.report import Code
from migrations.accounts.importing.source import COLUMNS
from migrations.accounts.records import OWNER, Kind, Package
from providers.provider import Subject

_REGISTRY_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_MEMBERS = frozenset(COLUMNS)
_TEXT_LIMIT = 200  # characters of a package's name, and of a role
_URL_LIMIT = 2000
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_MOST_IDENTITIES = 20  # of one account: what a batch asks the database for has an end
_MOST_KEYS = 2**31 - 1  # what the column holds
_MOST_DOWNLOADS = 2**63 - 1
_PACKAGE = frozenset({"name", "role", "downloads", "repository"})


class Refused(Exception):
    """The row is not taken."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What of the row was left out, and why."""

    code: Code
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyRow:
    """A row that can be taken. ``password``: the hash as it was exported, and what it was read as."""

    registry_id: str
    name: str
    email: str | None
    email_confirmed: bool
    password: tuple[str, Parsed] | None
    kind: Kind
    last_sign_in: datetime | None
    packages: tuple[Package, ...]
    keys: int
    subjects: tuple[Subject, ...]
    remarks: tuple[Remark, ...]

    @property
    def downloads(self) -> int:
        """Return how often the packages are loaded that the account owns."""
        return sum(each.downloads for each in self.packages if each.role == OWNER)

    def mac(self, key: bytes) -> str:
        """Return 64 hex digits that change with anything of the row that is taken, and tell nothing of it."""
        said = (
            *(self.registry_id, self.name, self.email, self.email_confirmed),
            (self.password[1].format, self.password[0]) if self.password is not None else None,
            *(self.kind.value, self.last_sign_in.isoformat() if self.last_sign_in is not None else None, self.keys),
            [(each.name, each.role, each.downloads, each.repository) for each in self.packages],
            sorted((each.issuer, each.tenant, each.id) for each in self.subjects),
        )
        return hmac.digest(key, json.dumps(said).encode(), "sha256").hex()


def registry_id_of(members: Mapping[str, object]) -> str | None:
    """Return the id of a row, or none where it has no good one."""
    value = members.get("registry_id")
    text = str(value) if type(value) is int else value
    return text if isinstance(text, str) and _REGISTRY_ID.fullmatch(text) else None


def read(members: Mapping[str, object], identities: Identities) -> LegacyRow:
    """Return what a row says. Raises :class:`Refused`. A member that is null is as one that is missing."""
    given = {name: value for name, value in members.items() if value is not None}
    if not given.keys() <= _MEMBERS:
        raise Refused(Code.UNKNOWN_MEMBER)
    registry_id, name = registry_id_of(given), Profile.read(given.get("name"), None, None).name
    if registry_id is None:
        raise Refused(Code.REGISTRY_ID)
    if name is None:
        raise Refused(Code.NAME)
    confirmed = given.get("email_confirmed", False)
    if not isinstance(confirmed, bool):
        raise Refused(Code.CONFIRMED)
    email, email_remarks = _email(given.get("email"))
    password, password_remarks = _password(given.get("password_hash"), given.get("password_format"))
    subjects, identity_remarks = _subjects(given.get("identities", []), identities)
    return LegacyRow(
        registry_id=registry_id,
        name=name,
        email=email,
        email_confirmed=confirmed and email is not None,
        password=password,
        kind=_kind(given.get("kind", Kind.PERSON.value)),
        last_sign_in=_moment(given.get("last_sign_in")),
        packages=_packages(given.get("packages", [])),
        keys=_count(given.get("keys", 0), _MOST_KEYS, Code.KEYS),
        subjects=subjects,
        remarks=(*email_remarks, *password_remarks, *identity_remarks),
    )


def _email(value: object) -> tuple[str | None, tuple[Remark, ...]]:
    if value is None:
        return None, ()
    email = Profile.read(None, value, None).email
    return email, () if email is not None else (Remark(code=Code.EMAIL_LEFT),)


def _password(value: object, form: object) -> tuple[tuple[str, Parsed] | None, tuple[Remark, ...]]:
    if value is None:
        return None, ()
    if not isinstance(value, str) or not isinstance(form, str | None):
        return None, (Remark(code=Code.PASSWORD_LEFT, because="It is no text."),)
    try:
        return (value, parse(value, form)), ()
    except UnknownHash as error:
        return None, (Remark(code=Code.PASSWORD_LEFT, because=f"Its form: {error.code}."),)


def _subjects(value: object, identities: Identities) -> tuple[tuple[Subject, ...], tuple[Remark, ...]]:
    if not isinstance(value, list) or len(value) > _MOST_IDENTITIES:
        raise Refused(Code.IDENTITIES)
    subjects: dict[Subject, None] = {}
    remarks = []
    for each in value:
        if not isinstance(each, dict):
            raise Refused(Code.IDENTITIES)
        try:
            subjects[identities.subject(each)] = None
        except BadIdentity as error:
            remarks.append(Remark(code=Code.IDENTITY_LEFT, because=str(error)))
    return tuple(subjects), tuple(remarks)


def _kind(value: object) -> Kind:
    try:
        return Kind(str(value))
    except ValueError:
        raise Refused(Code.KIND) from None


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    with suppress(ValueError, OverflowError):  # a year that UTC has not
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found is not None and found.tzinfo is not None:  # without a zone it is anybody's guess
            return found.astimezone(UTC)
    raise Refused(Code.LAST_SIGN_IN)


def _packages(value: object) -> tuple[Package, ...]:
    if not isinstance(value, list):
        raise Refused(Code.PACKAGES)
    packages = tuple(_package(each) for each in value)
    if sum(each.downloads for each in packages) > _MOST_DOWNLOADS:
        raise Refused(Code.PACKAGES)
    return packages


def _package(value: object) -> Package:
    if not isinstance(value, dict) or not value.keys() <= _PACKAGE:
        raise Refused(Code.PACKAGES)
    repository = value.get("repository")
    return Package(
        name=_printable(value.get("name"), _TEXT_LIMIT),
        role=_printable(value.get("role"), _TEXT_LIMIT).lower(),
        downloads=_count(value.get("downloads", 0), _MOST_DOWNLOADS, Code.PACKAGES),
        repository=_printable(repository, _URL_LIMIT) if repository is not None else None,
    )


def _printable(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit or not _PRINTABLE.fullmatch(value):
        raise Refused(Code.PACKAGES)
    return value


def _count(value: object, most: int, otherwise: Code) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise Refused(otherwise)
    return value
