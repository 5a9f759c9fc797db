"""The device's goal: somebody who entered a code signs in, and is then asked about the device."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import Connection

from broker.oidc.clients import Client, Clients
from broker.oidc.device.confirmations import Confirmations
from broker.signin.goals import Landing, Preview, SignedIn
from broker.signin.opening import Opening
from broker.signin.outcomes import unavailable
from broker.signin.policy import Policy
from broker.signin.transactions import Transaction
from broker.web.destinations import Destination
from broker.web.errors import BrokerError
from claims.decision import Purpose, Requirement
from claims.evidence import Binding
from providers.provider import Ask


class DeviceGoal:
    """Handles :data:`~broker.signin.transactions.Goal.DEVICE`. Nobody is exempt from MFA here."""

    def __init__(self, *, clients: Clients, confirmations: Confirmations, opening: Opening, policy: Policy) -> None:
        self._clients = clients
        self._confirmations = confirmations
        self._opening = opening
        self._policy = policy

    def payload(self, client: Client, user_code: str, *, select_account: bool) -> dict[str, object]:
        """Return what a transaction must remember."""
        rule = client.rule
        return {
            "user_code": user_code,
            "client_id": client.client_id,
            "name": client.name,
            "providers": None if client.providers is None else sorted(client.providers),
            "bindings": sorted(rule.bindings if rule.bindings is not None else Binding),
            "max_age": None if rule.max_age is None else int(rule.max_age.total_seconds()),
            "select_account": select_account,
        }

    def preview(self, transaction: Transaction) -> Preview:
        payload = transaction.payload
        providers = cast(Sequence[str] | None, payload["providers"])
        return Preview(
            audience=cast(str, payload["name"]),
            need="Before you can let a device in, your provider has to prove a second factor.",
            providers=None if providers is None else frozenset(providers),
            bindings=frozenset(map(Binding, cast(Sequence[str], payload["bindings"]))),
            ask=Ask(
                select_account=payload["select_account"] is True,
                max_age=cast(int | None, payload["max_age"]),
            ),
            refusal="The device is not signed in",
        )

    def requirement(self, transaction: Transaction, provider_id: str, now: datetime) -> Requirement:
        client = self._clients.get(cast(str, transaction.payload["client_id"]))
        if client is None:
            raise BrokerError(
                status=400,
                code="unknown_client",
                sentence="The application on your device is switched off.",
                next_step="Ask the people who run it.",
                detail="client gone while the user was away",
            )
        if not client.allows(provider_id):
            raise unavailable(provider_id)
        return self._policy.requirement(Purpose.DEVICE_APPROVAL, now, rule=client.rule)

    def finish(self, connection: Connection, signed_in: SignedIn) -> Landing:
        payload = signed_in.transaction.payload
        opened = self._opening.open(connection, signed_in, cast(str, payload["client_id"]))
        handle, confirmation = self._confirmations.entry(
            cast(str, payload["user_code"]),
            session=opened.session.key,
            browser=signed_in.transaction.browser,
        )
        return Landing(
            location=path_of(handle),
            put=[opened.entry, confirmation],
            take=opened.takes,
            delete=opened.replaces,
            index=opened.index,
            ends=opened.ends,
            session_token=opened.token,
        )

    def back(self, transaction: Transaction) -> Destination | None:
        del transaction
        return None


def path_of(handle: str) -> str:
    """Return the path of the page that asks."""
    return f"/device/confirm/{handle}"
