"""docs/management-api.md: its example, run as it stands there, and its tables."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.docs.guide import ROOT, STEPUP
from tests.management.estate import PROGRAM, SCOPE, Estate, access_token
from tests.oidc.described import schema
from tests.organizations import organization, signed_in

GUIDE = ROOT / "docs" / "management-api.md"


@pytest.fixture
def program(managed: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the example, imported, with the helper beside it."""
    found = re.search(r"<!-- example: manage\.py -->\n```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found
    (tmp_path / "manage.py").write_text(found[1])
    (tmp_path / STEPUP.name).write_text(STEPUP.read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ISSUER", managed.world.base)
    spec = importlib.util.spec_from_file_location("manage", tmp_path / "manage.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_lists_changes_and_has_somebody_sign_in_again(managed: Estate, program: Any) -> None:
    person = signed_in(managed.world, "entra-stale", "entra")
    place = f"/organizations/{organization(managed.world, person, 'Of the guide').id}"
    token = access_token(person)
    assert place.rpartition("/")[2] in {each["id"] for each in program.whole_list(token, "/organizations")}
    with pytest.raises(program.SignInAgain) as again:
        program.call(token, "PATCH", place, {"name": "Of this guide"})
    registry = managed.world.registry(PROGRAM)
    asked = registry.request(scope=SCOPE, provider="entra", **again.value.parameters)
    arrived = person.visitor.walk(person.visitor.authorize(asked), "entra-stale")
    token = str(registry.redeem(arrived, asked).response["access_token"])
    assert program.call(token, "PATCH", place, {"name": "Of this guide"}) is None
    with pytest.raises(RuntimeError, match=r"^invalid_input: "):
        program.call(token, "PATCH", place, {"name": "x"})


def test_the_example_reads_a_list_to_its_end(managed: Estate, program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    call = program.call
    monkeypatch.setattr(program, "call", lambda *asked, **query: call(*asked, **query, limit=1))
    members = program.whole_list(managed.tokens["admin"], f"/organizations/{managed.organization.id}/members")
    assert len(list(members)) == 3


def test_the_guide_tells_every_code_that_is_described_and_no_other() -> None:
    rows = re.findall(r"^\| \d{3} \| ([^|]+) \|", GUIDE.read_text(), re.MULTILINE)
    told = set(re.findall(r"`(\w+)`", " ".join(rows)))
    document = schema().raw_schema["components"]["responses"]
    described = set()
    for response in document.values():
        problem = response.get("content", {}).get("application/problem+json")
        if problem is not None:
            code = problem["schema"]["allOf"][1]["properties"]["code"]
            described |= set(code.get("enum", [code.get("const")]))
    assert told == described | {"method_not_allowed", "server_error"}
