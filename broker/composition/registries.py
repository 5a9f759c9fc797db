"""The registry's way in: clients, and what they are granted."""

from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex

from broker.composition.foundation import Foundation
from broker.composition.people import People
from broker.oidc.access import Access
from broker.oidc.clients import Clients
from broker.oidc.codes import Codes
from broker.oidc.consent.pending import PendingConsents
from broker.oidc.consent.service import Consents
from broker.oidc.device.confirmations import Confirmations
from broker.oidc.device.goal import DeviceGoal
from broker.oidc.device.service import Devices
from broker.oidc.events.push import Push
from broker.oidc.events.tokens import SecurityEventTokens
from broker.oidc.goal import RegistryGoal
from broker.oidc.jose.client_keys import ClientKeys
from broker.oidc.pushed import PushedRequests
from broker.oidc.redeem import Redeemer
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.access import AccessTokens
from broker.oidc.tokens.id_token import IdTokens
from broker.oidc.tokens.marks import Marks
from broker.oidc.tokens.refresh import RefreshTokens
from broker.oidc.tokens.signed import Signer
from broker.storage.store import MEMORY_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """Clients, codes, consents and tokens."""

    clients: Clients
    pushed: PushedRequests
    pending: PendingConsents
    consents: Consents
    subjects: Subjects
    client_keys: ClientKeys
    signer: Signer
    marks: Marks
    access_tokens: AccessTokens
    refresh_tokens: RefreshTokens
    id_tokens: IdTokens
    access: Access
    goal: RegistryGoal
    devices: Devices
    confirmations: Confirmations
    device_goal: DeviceGoal
    redeemer: Redeemer
    events: SecurityEventTokens
    push: Push


def serve(base: Foundation, people: People) -> Registries:
    """Return it."""
    settings, store, cipher, database = base.settings, base.store, base.cipher, base.database
    clients = Clients(settings, database, lambda: base.switches.thrown(base.clock()).clients)
    codes = Codes(store, cipher, settings.tokens.code, base.switches, settings.secrets.lasting_key("code"))
    pushed = PushedRequests(store, cipher, settings.tokens.pushed_request)
    pending = PendingConsents(store, cipher)
    consents = Consents(base.audit)
    subjects = Subjects(database, settings.secrets.derived_key("sid"))
    signer = Signer(base.keys, settings.issuer)
    marks = Marks(store, settings.tokens.access, base.switches)
    # In-process marks are forgotten at a restart, so the tokens they could have ended are too.
    epoch = token_hex(16) if settings.store.url == MEMORY_URL else ""
    access_tokens = AccessTokens(cipher, signer, marks, epoch)
    refresh_tokens = RefreshTokens(cipher, timedelta(seconds=settings.tokens.refresh))
    id_tokens = IdTokens(signer, settings.tokens.id_token)
    confirmations = Confirmations(store, cipher)
    events = SecurityEventTokens(signer=signer, subjects=subjects)
    return Registries(
        clients=clients,
        pushed=pushed,
        pending=pending,
        consents=consents,
        subjects=subjects,
        client_keys=ClientKeys(settings.insecure_allow_private_addresses, settings.ca_bundle),
        signer=signer,
        marks=marks,
        access_tokens=access_tokens,
        refresh_tokens=refresh_tokens,
        id_tokens=id_tokens,
        access=Access(
            clients=clients,
            consents=consents,
            refresh_tokens=refresh_tokens,
            marks=marks,
            subjects=subjects,
            audit=base.audit,
            database=database,
            clock=base.clock,
        ),
        goal=RegistryGoal(
            clients=clients,
            codes=codes,
            pushed=pushed,
            consents=consents,
            pending=pending,
            subjects=subjects,
            opening=people.opening,
            policy=people.policy,
            issuer=settings.issuer,
        ),
        devices=Devices(
            store=store,
            sealer=cipher,
            index=base.index,
            lifetime=settings.tokens.device_code,
            clock=base.clock,
        ),
        confirmations=confirmations,
        device_goal=DeviceGoal(
            clients=clients, confirmations=confirmations, opening=people.opening, policy=people.policy
        ),
        redeemer=Redeemer(
            codes=codes,
            consents=consents,
            access_tokens=access_tokens,
            access_lifetime=settings.tokens.access,
            refresh_tokens=refresh_tokens,
            id_tokens=id_tokens,
            marks=marks,
            subjects=subjects,
            audit=base.audit,
            standing=people.standing,
            belongings=people.belongings,
            database=database,
            clock=base.clock,
        ),
        events=events,
        push=Push(
            database=database,
            clients=clients,
            tokens=events,
            streams=settings.streams,
            insecure_allow_private=settings.insecure_allow_private_addresses,
            ca_bundle=settings.ca_bundle,
        ),
    )
