"""From a TOML file and the environment to settings, or to every mistake at once.

Order of rank: ``VESTIBULE__SECTION__KEY`` in the environment, then the file, then the default. A relative
path in the file is relative to the file's folder, in the environment to the working directory. A secret may be
a table that says where it is kept: :mod:`broker.settings.secret_sources`.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from broker.settings.clients import ClientSettings
from broker.settings.model import DatabaseSettings, Settings
from broker.settings.problem import Problem, SettingsError
from broker.settings.secret_sources import secret_tables, take_in
from broker.settings.values import ClientId

PREFIX = "VESTIBULE__"

# What a mistake is called, by pydantic's error type; others keep pydantic's sentence, which has no input.
_WRONG = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key",
    "union_tag_not_found": "has no kind",
    "union_tag_invalid": "has an unknown kind",
}
_CLIENTS = TypeAdapter(dict[ClientId, ClientSettings])
_SQLITE = "sqlite:///"
_FOLDER = "directory:"


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a file, overlaid by the environment. Raises :class:`SettingsError`."""
    raw = read(path)
    _anchor(raw, path.resolve().parent)
    problems = list(_overlay(raw, environ))
    programs_get = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    unread = list(take_in(raw, programs_get))
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        told = {problem.key for problem in unread}
        problems += [problem for problem in _problems(error) if problem.key not in told]
        settings = None
    problems += [*unread, *_unknown_providers(raw), *_missing_files(raw)]
    if settings is None or problems:
        raise SettingsError(tuple(problems))
    return settings


def parse_client(client_id: str, described: Mapping[str, object], settings: Settings) -> ClientSettings:
    """Return the client that ``described`` would be in the configuration. Raises :class:`SettingsError`."""
    clients = {client_id: dict(described)}
    problems = list(_unknown_providers({"clients": clients, "providers": dict(settings.providers)}))
    try:
        parsed = _CLIENTS.validate_python(clients)
    except ValidationError as error:
        raise SettingsError((*_problems(error, "clients"), *problems)) from None
    if problems:
        raise SettingsError(tuple(problems))
    return parsed[client_id]


def read(path: Path) -> dict[str, Any]:
    """Return what the file says, unchecked. Raises :class:`SettingsError` when it is no TOML."""
    name = str(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problem = Problem(key=name, wrong="does not exist", right="a file that `vestibule init` wrote")
    except OSError as error:
        problem = Problem(key=name, wrong=f"cannot be read ({error.strerror})", right="a readable file")
    except UnicodeDecodeError:
        problem = Problem(key=name, wrong="is not UTF-8", right="a TOML file in UTF-8")
    except tomllib.TOMLDecodeError as error:
        problem = Problem(key=name, wrong=f"is not TOML: {error}", right="a TOML file (https://toml.io)")
    raise SettingsError((problem,)) from None


def _anchor(raw: dict[str, Any], base: Path) -> None:
    """Make the relative paths of the file relative to its folder, that of the default database too."""
    database = raw.setdefault("database", {})
    if isinstance(database, dict):
        database.setdefault("url", DatabaseSettings().url)

    def move(table: object, key: str, prefix: str = "") -> None:
        value = table.get(key) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(value, str) and value.startswith(prefix) and value != prefix:
            table[key] = prefix + str(base / value.removeprefix(prefix))

    move(database, "url", _SQLITE)
    move(raw.get("mail"), "url", _FOLDER)
    for _, table, key in _files(raw):
        move(table, key)
    for _, table, key in secret_tables(raw):
        move(table[key], "file")


def _files(raw: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Yield where a file may be named: the dotted key, its table, and its key in there."""
    for key in ("tls_certificate", "tls_key"):
        yield f"listen.{key}", raw.get("listen"), key
    yield "ca_bundle", raw, "ca_bundle"
    providers = raw.get("providers")
    for name, provider in providers.items() if isinstance(providers, dict) else ():
        yield f"providers.{name}.ca_bundle", provider, "ca_bundle"


def _missing_files(raw: Mapping[str, Any]) -> Iterator[Problem]:
    for dotted, table, key in _files(raw):
        name = table.get(key) if isinstance(table, dict) else None
        if isinstance(name, str) and not Path(name).is_file():
            yield Problem(key=dotted, wrong="names no file", right="the path of a PEM file that exists")


def _overlay(raw: dict[str, Any], environ: Mapping[str, str]) -> Iterator[Problem]:
    """Put what the environment says into ``raw``. A value that begins with [ or { is JSON."""
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        text = environ[variable]
        *tables, last = variable.removeprefix(PREFIX).split("__")
        table: Any = raw
        for segment in tables:
            table = table.setdefault(_name(segment, table), {})
            if not isinstance(table, dict):
                break
        if not isinstance(table, dict) or not all((*tables, last)):
            yield Problem(key=variable, wrong="names no key", right=f"{PREFIX}SECTION__KEY")
            continue
        try:
            table[_name(last, table)] = json.loads(text) if text.startswith(("[", "{")) else text
        except ValueError:
            yield Problem(key=variable, wrong="is not JSON", right="a JSON list or table, or a plain value")


def _name(segment: str, table: Mapping[str, object]) -> str:
    """Return the key a segment means: an existing one whatever its case and dashes, or a new one."""
    folded = segment.lower()
    for key in table:
        if key.lower().replace("-", "_") == folded.replace("-", "_"):
            return key
    return folded


def _unknown_providers(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Find clients that name a provider there is none of; in ``raw``, to show beside other mistakes."""
    known, clients = raw.get("providers", {}), raw.get("clients", {})
    if not isinstance(known, dict) or not isinstance(clients, dict):
        return
    for client_id, client in clients.items():
        named = client.get("providers") if isinstance(client, dict) else None
        missing = [each for each in named if each not in known] if isinstance(named, list) else []
        for each in missing:
            right = f"one of {', '.join(sorted(known))}" if known else "a provider that is configured"
            yield Problem(key=f"clients.{client_id}.providers", wrong=f"names no provider: {each}", right=right)


def _problems(error: ValidationError, *above: str) -> list[Problem]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    # A list whose entries are all wrong is not too short as well.
    inner = {each["loc"][:length] for each in found for length in range(len(each["loc"]))}
    return [_problem(each, above) for each in found if each["loc"] not in inner]


def _problem(error: ErrorDetails, above: tuple[str, ...]) -> Problem:
    location = [*above, *(str(part) for part in error["loc"] if part != "[key]")]
    keys, field = _resolve(location)
    kind = error["type"]
    wrong = _WRONG.get(kind) or error["msg"].removeprefix("Value error, ")
    if wrong[:1].isupper():
        wrong = "is wrong: " + wrong[0].lower() + wrong[1:]
    right = field.description if field and field.description else "what the file of `vestibule init` shows"
    if kind == "extra_forbidden":
        right = "a key that `vestibule init` writes; check the spelling"
    return Problem(key=".".join(keys), wrong=wrong, right=right)


def _resolve(location: list[str]) -> tuple[list[str], FieldInfo | None]:
    """Return the keys of a mistake as the file has them, and the field the last of them names.

    pydantic adds the kind of a union's member to its path, which no file has.
    """
    keys: list[str] = []
    field: FieldInfo | None = None
    here: object = Settings
    for part in location:
        here = _unwrap(here)
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(part)
            here = field.annotation if field else None
        elif get_origin(here) in {Union, UnionType}:
            here = next((each for each in get_args(here) if _kind(each) == part), None)
            continue
        else:  # a table or a list, whose entries are all of one type
            here = next((each for each in reversed(get_args(here)) if each is not Ellipsis), None)
        keys.append(part)
    return keys, field


def _unwrap(annotation: object) -> object:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, UnionType}:
        members = [each for each in get_args(annotation) if each is not type(None)]
        if len(members) == 1:
            return _unwrap(members[0])
    return annotation


def _kind(member: type[BaseModel]) -> str:
    return str(get_args(member.model_fields["kind"].annotation)[0])
