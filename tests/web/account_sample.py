"""An example of the account page, and of that of someone who has just arrived."""

from datetime import UTC, datetime, timedelta
from typing import Any

from broker.oidc.consent.words import WORDS
from broker.web.texts import proof_sentence
from claims.decision import Reason, Remedy, Verdict
from claims.evidence import Binding, Strength

NOW = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)

# The longest name that a client may have, with nowhere to break.
LONG = "W" * 100

Context = dict[str, Any]


def verdict(
    reason: Reason, *, strength: Strength = Strength.SINGLE, binding: Binding | None = Binding.SESSION
) -> Verdict:
    """Return a verdict that came out as ``reason``."""
    return Verdict(
        satisfied=reason in {Reason.SATISFIED, Reason.EXEMPT},
        strength=strength,
        binding=binding,
        fresh_at=NOW,
        reason=reason,
        remedy=Remedy.NONE,
        evidence=(),
    )


def account(**more: Any) -> Context:
    """Return the context of the account page."""
    satisfied = verdict(Reason.SATISFIED, strength=Strength.MFA)
    setting = verdict(Reason.SATISFIED, strength=Strength.MFA, binding=Binding.ACCOUNT_STATE)
    return {
        "person": {"name": "Ada Author", "email": "ada@outlook.example", "email_verified": True},
        "account_id": "6c1f0f2e-8f0e-4c7e-9a55-0d5b1f6f7c11",
        "identities": [
            {
                "id": "i-1",
                "provider_name": "Microsoft",
                "kind": "microsoft_account",
                "linked_at": NOW - timedelta(days=400),
                "can_unlink": True,
            },
            {
                "id": "i-2",
                "provider_name": "GitHub",
                "kind": "github",
                "linked_at": NOW - timedelta(days=3),
                "can_unlink": True,
            },
        ],
        "linkable": [{"id": "work", "name": "Contoso", "kind": "entra"}],
        "sessions": [
            {
                "id": "s-1",
                "current": True,
                "started_at": NOW - timedelta(minutes=4),
                "expires_at": NOW + timedelta(hours=8),
                "provider_name": "Microsoft",
                "proof": proof_sentence(satisfied, "Microsoft"),
            },
            {
                "id": "s-2",
                "current": False,
                "started_at": NOW - timedelta(hours=7),
                "expires_at": NOW + timedelta(hours=1),
                "provider_name": "GitHub",
                "proof": proof_sentence(setting, "GitHub"),
            },
        ],
        "registries": [
            {
                "client_id": "crates",
                "name": "crates.example",
                "knows": list(WORDS.values()),
                "since": NOW - timedelta(days=20),
                "offline_until": NOW + timedelta(days=70),
            },
            {
                "client_id": "0f6d3c9e-52a8-4f0e-8a0c-9c5f3b0e7d11",
                "name": LONG,
                "knows": [WORDS["openid"], WORDS["email"]],
                "since": NOW - timedelta(days=2),
                "offline_until": None,
            },
            {
                "client_id": "cli",
                "name": "סיפריית החבילות",
                "knows": [],
                "since": NOW,
                "offline_until": NOW + timedelta(days=90),
            },
        ],
        "organizations": [
            {"id": "o-1", "name": "Example Crates", "role": "admin", "suspended": False},
            {"id": "o-2", "name": LONG, "role": "member", "suspended": True},
        ],
        "registry_accounts": ["ada", "R" * 128],
        "has_old_world": True,
        "offer": {"name": "Ada A. Author", "email": "ada@contoso.example"},
        "pending_email": False,
        "notice": "Your name has been changed.",
        "fresh": False,
        **more,
    }


def only_account() -> Context:
    """Return the account page of someone who has just arrived: one way in, one session, nothing to say."""
    whole = account()
    return {
        **whole,
        "person": {"name": None, "email": None, "email_verified": False},
        "identities": [{**whole["identities"][0], "can_unlink": False}],
        "linkable": [],
        "sessions": whole["sessions"][:1],
        "registries": [],
        "organizations": [],
        "registry_accounts": [],
        "has_old_world": False,
        "offer": None,
        "notice": None,
        "pending_email": True,
        "fresh": True,
    }
