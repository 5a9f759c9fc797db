"""probe: what one real sign-in brought. The sign-in itself is driven in tests/demo."""

import re
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from broker.settings import load
from broker.signin.proofs import ProbeResult, ProviderProofs
from broker.storage.database import Database
from tests.cli.conftest import Run


class SignIn:
    """Somebody who signs in at the page, the first time the command looks and waits."""

    def __init__(self, config: Path) -> None:
        self.settings = load(config, {})
        self.satisfied = True
        self.pages: list[str] = []

    def see(self, text: str) -> None:
        self.pages += re.findall(r"http://localhost:8000/probe/(\S+)", text)

    def wait(self, _: float) -> None:
        database = Database(self.settings.database.url)
        proofs = ProviderProofs(self.settings.providers, database)
        result = ProbeResult(
            provider_id="github",
            satisfied=self.satisfied,
            reason="satisfied" if self.satisfied else "too_weak",
            shown={"user.two_factor_authentication": "true"} if self.satisfied else {},
        )
        with database.begin() as connection:
            proofs.record(connection, self.pages[-1], result, datetime.now(UTC))
        database.dispose()


@pytest.fixture
def somebody(ready: Run, config: Path, monkeypatch: pytest.MonkeyPatch) -> SignIn:
    signing_in = SignIn(config)
    echo = click.echo

    def shown(text: str) -> None:
        signing_in.see(text)
        echo(text)

    monkeypatch.setattr("broker.commands.providers.click.echo", shown)
    monkeypatch.setattr("broker.commands.providers.time.sleep", signing_in.wait)
    return signing_in


def test_a_provider_that_proved_mfa_is_proven_from_then_on(ready: Run, somebody: SignIn) -> None:
    done = ready("probe", "github")
    assert done.exit_code == 0
    assert "user.two_factor_authentication = true" in done.output
    assert "github is proven" in done.output
    assert re.search(r"github +github +GitHub +proven", ready("providers").output)


def test_a_provider_that_proved_too_little_stays_unproven(ready: Run, somebody: SignIn) -> None:
    somebody.satisfied = False
    done = ready("probe", "github")
    assert done.exit_code == 1
    assert "What came back, masked:\n\n    nothing\n" in done.output
    assert "github is not proven: too_weak" in done.output
    assert "unproven" in ready("providers").output


def test_a_probe_that_nobody_answers_ends(ready: Run) -> None:
    done = ready("probe", "github", "--timeout", "1")
    assert done.exit_code == 2
    assert "Run the probe again" in done.output


def test_a_provider_nobody_configured_cannot_be_probed(ready: Run) -> None:
    done = ready("probe", "gitlab")
    assert done.exit_code == 2
    assert "github, off" in done.output


def test_a_disabled_provider_cannot_be_probed(ready: Run) -> None:
    done = ready("probe", "off")
    assert done.exit_code == 2
    assert "providers.off.enabled" in done.output


def test_a_probe_does_not_outlive_its_page(ready: Run) -> None:
    assert ready("probe", "github", "--timeout", "1801").exit_code == 2
