"""vestibule switch: off at once, and only what there is."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.test_commands import actions, execute

TID = "11111111-2222-4333-8444-555555555555"
ENTRA = f"""
[providers.work]
kind = "entra"
name = "Work account"
client_id = "11111111-2222-4333-8444-666666666666"
client_secret = "a-third-secret-that-must-not-show"
evidence_scope = "api://vestibule/evidence"
evidence_audience = "api://vestibule"

[providers.work.tenants.{TID}]
name = "Contoso"
"""


@pytest.mark.parametrize("kind, target", [("provider", "github"), ("client", "configured"), ("tenant", TID)])
def test_one_is_switched_off_listed_and_switched_on_again(ready: Run, config: Path, kind: str, target: str) -> None:
    config.write_text(config.read_text() + ENTRA)
    assert "Nothing is switched off" in ready("switch", "list").output
    done = ready("switch", "off", kind, target)
    assert done.exit_code == 0, done.output
    assert f"{kind} {target} is off, on every host." in done.output
    assert f"vestibule switch on {kind} {target}" in done.output
    assert "is off already" in ready("switch", "off", kind, target).output
    listed = ready("switch", "list").output
    assert f"{kind} {target}" in listed
    assert "command line" in listed
    assert "is on, on every host" in ready("switch", "on", kind, target).output
    assert "is on already" in ready("switch", "on", kind, target).output
    assert actions(config).count("switch.turned") == 2


@pytest.mark.parametrize("switch, thrown, restored", [("read-only", "on", "off"), ("sign-up", "closed", "open")])
def test_the_whole_broker_is_switched(ready: Run, switch: str, thrown: str, restored: str) -> None:
    assert ready("switch", switch, thrown).output == f"{switch} is {thrown}, on every host.\n"
    assert switch in ready("switch", "list").output
    assert ready("switch", switch, thrown).output == f"{switch} is {thrown} already, on every host.\n"
    assert ready("switch", switch, restored).output == f"{switch} is {restored}, on every host.\n"
    assert "Nothing is switched off" in ready("switch", "list").output


@pytest.mark.parametrize("verb", ["off", "on"])
def test_what_there_is_not_is_refused_with_what_there_is(ready: Run, verb: str) -> None:
    done = ready("switch", verb, "provider", "gitlab")
    assert done.exit_code == 2
    assert "There are: github, off. Nothing was changed." in done.output
    done = ready("switch", verb, "tenant", TID)
    assert done.exit_code == 2
    assert "There is none." in done.output


def test_what_is_not_configured_any_more_can_still_be_switched_on(ready: Run, config: Path) -> None:
    config.write_text(config.read_text() + ENTRA)
    ready("switch", "off", "tenant", TID)
    config.write_text(config.read_text().replace(ENTRA, ""))
    assert "is on, on every host" in ready("switch", "on", "tenant", TID).output


def test_a_database_of_the_version_before_is_to_be_upgraded_first(ready: Run, config: Path) -> None:
    execute(config, "DROP TABLE switches")
    done = ready("switch", "read-only", "on")
    assert done.exit_code == 2
    assert "vestibule db upgrade" in done.output


def test_without_the_store_nothing_is_changed_and_that_is_said(ready: Run, config: Path) -> None:
    config.write_text(config.read_text().replace('# url = "memory://"', 'url = "redis://127.0.0.1:1/0"'))
    done = ready("switch", "read-only", "on")
    assert done.exit_code == 2
    assert "does not answer" in done.output
    assert actions(config) == []
