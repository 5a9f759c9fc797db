"""A configuration as ``vestibule init`` writes it, and the command over it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import main

Run = Callable[..., Result]

GITHUB = """
[providers.github]
kind = "github"
name = "GitHub"
client_id = "Ov23liExample"
client_secret = "a-secret-that-must-not-show"

[providers.off]
kind = "oidc"
name = "Example ID"
client_id = "vestibule"
client_secret = "another-secret-that-must-not-show"
issuer = "https://login.example.org"
enabled = false
insecure_allow_unproven = true

[clients.configured]
name = "Configured"
redirect_uris = ["https://registry.example.org/callback"]
secret = "0123456789-abcdefghijklmnopqrstuvwxyz"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The path of a fresh configuration with two providers and a client. There is no database yet."""
    done = CliRunner().invoke(main, ["init", "--dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    path = tmp_path / "vestibule.toml"
    path.write_text(path.read_text() + GITHUB)
    return path


@pytest.fixture
def vestibule(config: Path) -> Run:
    """Run the command over the configuration. An exception that is not handled fails the test."""

    def run(*arguments: str) -> Result:
        done = CliRunner().invoke(main, ["--config", str(config), *arguments], catch_exceptions=False)
        assert "must-not-show" not in done.output
        assert "Traceback" not in done.output
        return done

    return run


@pytest.fixture
def ready(vestibule: Run) -> Run:
    """The same, over a database of this version."""
    assert vestibule("db", "upgrade").exit_code == 0
    return vestibule
