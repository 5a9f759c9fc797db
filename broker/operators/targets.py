"""What can be switched off: the providers, tenants and clients that there are."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from broker.oidc.clients import Clients
from broker.settings import Settings
from broker.switches.service import Kind
from broker.tenants.mapping_records import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """``clients`` know those of the configuration and of the database."""

    settings: Settings
    clients: Clients

    def providers(self) -> Mapping[str, str]:
        """Return the names of all providers by id, those that are not enabled among them."""
        return {provider_id: each.name for provider_id, each in self.settings.providers.items()}

    def tenants(self, connection: Connection) -> Mapping[str, str]:
        """Return the names of all tenants by tid, also of those that are not admitted any more."""
        providers = self.settings.providers.values()
        configured = {tid: tenant.name for each in providers for tid, tenant in getattr(each, "tenants", {}).items()}
        return {each.tid: each.name for each in read(connection)} | configured

    def name(self, connection: Connection, kind: Kind, target: str) -> str | None:
        """Return what people call the target of a switch, or none where there is none."""
        match kind:
            case Kind.PROVIDER:
                return self.providers().get(target)
            case Kind.TENANT:
                return self.tenants(connection).get(target)
            case Kind.CLIENT:
                if target in self.settings.clients:
                    return self.settings.clients[target].name
                registered = self.clients.registered(connection, target)
                return registered.client.name if registered is not None else None
            case _:
                return "" if not target else None

    def ids(self, connection: Connection, kind: Kind) -> list[str]:
        """Return all targets of a kind, for somebody who named another."""
        match kind:
            case Kind.PROVIDER:
                return sorted(self.providers())
            case Kind.TENANT:
                return sorted(self.tenants(connection))
            case _:
                return sorted(client.client_id for client, _ in self.clients.all())
