"""``vestibule providers`` and ``vestibule probe``: how the providers stand, and what they really send."""

import time
from datetime import timedelta
from pathlib import Path

import click

from broker.commands.context import Refusal, opened, table, utc_now, with_path
from broker.settings import Settings
from broker.signin.proofs import PROBE_LIFETIME, ProbeResult, ProviderProofs

_LOOK_EVERY = 0.5  # seconds


@click.command()
@with_path
def providers(path: Path) -> None:
    """List the providers and how each stands: proven, unproven, insecure_allow_unproven or disabled."""
    with opened(path) as (settings, database):
        proofs = ProviderProofs(settings.providers, database)
        rows = [
            (name, each.kind, each.name, proofs.state(name).value if each.enabled else "disabled")
            for name, each in settings.providers.items()
        ]
    if not rows:
        click.echo("There is no provider yet. Add one to the configuration: config/providers/ shows how.")
        return
    click.echo(table([("PROVIDER", "KIND", "NAME", "STATE"), *rows]))


@click.command()
@click.argument("provider")
@click.option(
    "--timeout",
    type=click.IntRange(1, int(PROBE_LIFETIME.total_seconds())),
    default=900,
    show_default=True,
    help="Seconds to wait for the sign-in.",
)
@with_path
def probe(path: Path, provider: str, timeout: int) -> None:
    """Run one real sign-in at PROVIDER, and show which evidence came back.

    The broker must be running. The provider counts as proven, with its present configuration, once the sign-in
    satisfied the policy.
    """
    with opened(path) as (settings, database):
        _must_be_usable(provider, settings)
        proofs = ProviderProofs(settings.providers, database)
        now = utc_now()
        token = proofs.start_probe(provider, now)
        click.echo(f"Open this page in a browser, and sign in:\n\n    {settings.issuer}/probe/{token}\n")
        click.echo("It works once. Nobody is signed in by it, and nothing of who you are is kept.")
        result = _wait(proofs, token, timeout)
    if result is None:
        raise Refusal("Nobody finished the sign-in in time. Run the probe again, and open its new page.")
    click.echo(_report(provider, result))
    click.get_current_context().exit(0 if result.satisfied else 1)


def _must_be_usable(provider: str, settings: Settings) -> None:
    known = settings.providers.get(provider)
    if known is None:
        names = ", ".join(settings.providers) or "none is configured"
        raise Refusal(f"There is no provider {provider}. Choose one of: {names}.")
    if not known.enabled:
        raise Refusal(f"The provider is disabled. Set providers.{provider}.enabled to true, and restart the broker.")


def _wait(proofs: ProviderProofs, token: str, seconds: int) -> ProbeResult | None:
    end = utc_now() + timedelta(seconds=seconds)
    while (result := proofs.probe_result(token)) is None and utc_now() < end:
        time.sleep(_LOOK_EVERY)
    return result


def _report(provider: str, result: ProbeResult) -> str:
    claims = "\n".join(f"    {name} = {shown}" for name, shown in sorted(result.shown.items()))
    verdict = (
        f"{provider} is proven: what came back satisfies the policy."
        if result.satisfied
        else f"{provider} is not proven: {result.reason}. Sign in with an account that has MFA, or see its guide."
    )
    return f"\nWhat came back, masked:\n\n{claims or '    nothing'}\n\n{verdict}"
