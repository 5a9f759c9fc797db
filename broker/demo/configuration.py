"""The demo's folder: a configuration made once, and what the ports change in it at every start."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from broker.demo.addresses import Addresses
from broker.settings.fresh import FILE_NAME, fresh_keys, write_private
from broker.settings.source import PREFIX, read
from providers.standins import CONTOSO, EVIDENCE_API, EVIDENCE_SCOPE, FABRIKAM, Registration
from providers.standins.__main__ import registered
from providers.standins.server import CA_FILE

CLIENT_ID = "demo-registry"
PROVIDERS = {"microsoft_account": "microsoft", "entra": "entra", "github": "github", "oidc": "generic"}
_TEMPLATE = files("broker.demo").joinpath("demo.toml.in")


def prepare(folder: Path, addresses: Addresses) -> Path:
    """Make the folder what the demo needs, keeping what is there, and return the path of the configuration."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    registrations = registered(folder, ())
    path = folder / FILE_NAME
    if not path.exists():
        write_private(path, _render(addresses, registrations))
    return path


def callbacks(path: Path, addresses: Addresses) -> list[str]:
    """Return the redirect URIs of every provider in the configuration, for the stand-ins to know.

    The second of each is where an administrator comes back to who approved us for a whole tenant.
    """
    ways = ("", "/consent")
    providers = _table(read(path), "providers")
    return [f"{addresses.issuer}/callback/{provider_id}{way}" for provider_id in providers for way in ways]


def overrides(path: Path, addresses: Addresses) -> dict[str, str]:
    """Return the environment that moves a configuration to ``addresses``: what it has, wherever it was before."""
    moved: dict[str, object] = {"issuer": addresses.issuer, "listen__host": "127.0.0.1", "listen__port": addresses.base}
    raw = read(path)
    if CLIENT_ID in _table(raw, "clients"):
        client = f"clients__{CLIENT_ID}"
        moved[f"{client}__redirect_uris"] = [f"{addresses.registry}/callback"]
        moved[f"{client}__post_logout_redirect_uris"] = [f"{addresses.registry}/goodbye"]
        moved[f"{client}__backchannel_logout_uri"] = f"{addresses.registry}/backchannel-logout"
    for kind, provider_id in PROVIDERS.items():
        if provider_id in _table(raw, "providers"):
            urls = {**_urls(kind, addresses), "ca_bundle": str(path.resolve().parent / CA_FILE)}
            moved |= {f"providers__{provider_id}__{key}": value for key, value in urls.items()}
    return {
        f"{PREFIX}{key.upper()}": json.dumps(value) if isinstance(value, list) else str(value)
        for key, value in moved.items()
    }


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _urls(kind: str, addresses: Addresses) -> dict[str, str]:
    back = addresses.back_channel
    return {
        "microsoft_account": {"instance": back},
        "entra": {"instance": back, "v1_issuer": f"{back}/sts"},
        "github": {
            "authorize_url": f"{addresses.standins}/login/oauth/authorize",
            "token_url": f"{back}/login/oauth/access_token",
            "api_url": f"{back}/api/v3",
        },
        "oidc": {"issuer": f"{back}/oidc"},
    }[kind]


def _render(addresses: Addresses, registrations: tuple[Registration, ...]) -> str:
    values = fresh_keys()
    for registration in registrations:
        values[f"{registration.kind}_id"] = registration.client_id
        values[f"{registration.kind}_secret"] = registration.client_secret
    today = datetime.now(UTC).date()
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        values,
        issuer=addresses.issuer,
        registry=addresses.registry,
        standins=addresses.standins,
        back_channel=addresses.back_channel,
        registry_secret=secrets.token_urlsafe(32),
        ca_file=CA_FILE,
        contoso=CONTOSO,
        fabrikam=FABRIKAM,
        evidence_scope=EVIDENCE_SCOPE,
        evidence_audience=EVIDENCE_API,
        today=today.isoformat(),
        announced=(today - timedelta(days=30)).isoformat(),
        required=(today + timedelta(days=60)).isoformat(),
        closed=(today + timedelta(days=120)).isoformat(),
    )
