"""What tells a registry of events, over a database, and a registry that listens on loopback."""

import json
import os
from base64 import urlsafe_b64decode
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from broker.audit.service import Audit
from broker.events.model import security_deliveries
from broker.events.security import EventKind, SecurityEvents
from broker.keys import signing
from broker.keys.cipher import FieldCipher
from broker.keys.signing import SigningKeys
from broker.oidc.clients import Clients
from broker.oidc.events.push import BACK_OFF, Push
from broker.oidc.events.tokens import SecurityEventTokens
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.signed import Signer
from broker.settings import ClientMetadata, Settings
from broker.settings.clients import ALGORITHMS
from broker.settings.migration import StreamSettings
from broker.storage.database import Database
from tests import once
from tests.providers.loopback import Handler, Server
from tests.world import CALLBACK, key

ISSUER = "https://login.example.org"
CLIENT: Mapping[str, Any] = {
    "name": "Example Registry",
    "redirect_uris": (CALLBACK,),
    "id_token_signed_response_alg": "ES256",
}


class Receiver:
    """The endpoint of a registry. ``answer`` may decide otherwise than to take what comes; it is given the claims."""

    def __init__(self) -> None:
        self.answer: Callable[[Handler, Mapping[str, Any]], int | None] = lambda _handler, _claims: 202
        self.accepted: dict[str, list[int]] = defaultdict(list)
        self.early: list[tuple[str, int]] = []
        self.server: Server | None = None
        self._lock = Lock()

    def __call__(self, handler: Handler) -> None:
        claims = json.loads(part(handler.seen[-1].body.decode(), 1)) if handler.command == "POST" else {}
        status = self.answer(handler, claims)
        if status == 202:
            self._note(claims)
        if status is not None:
            handler.reply(b"", status=status)

    def _note(self, claims: Mapping[str, Any]) -> None:
        subject, (said,) = claims["sub_id"]["id"], claims["events"].values()
        with self._lock:
            if said.get("number", 1) > 1 and said["number"] - 1 not in self.accepted[subject]:
                self.early.append((subject, said["number"]))
            self.accepted[subject].append(said.get("number", 1))

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"{self.server.url}/events"

    @property
    def heard(self) -> list[str]:
        """Return the tokens that came."""
        assert self.server is not None
        return [seen.body.decode() for seen in self.server.seen]

    def claims(self) -> list[Mapping[str, Any]]:
        return [json.loads(part(token, 1)) for token in self.heard]


def refusing(status: int, body: bytes = b"", content_type: str = "application/json") -> Callable[..., None]:
    """Return an answer that takes nothing."""

    def answer(handler: Handler, _claims: Mapping[str, Any]) -> None:
        handler.reply(body, status=status, Content_Type=content_type, Content_Language="en")

    return answer


def hang_up(handler: Handler, _claims: Mapping[str, Any]) -> None:
    handler.close_connection = True


def part(token: str, index: int) -> bytes:
    """Return one part of a JWT, decoded."""
    text = token.split(".")[index]
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(kw_only=True)
class Transmitter:
    """``registry`` is a client in the database, where it can be changed."""

    database: Database
    settings: Settings
    clients: Clients
    keys: SigningKeys
    tokens: SecurityEventTokens
    audit: Audit
    numbers: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def push(self, *, private: bool = True, back_off: tuple[timedelta, ...] = BACK_OFF, **stream: Any) -> Push:
        return Push(
            database=self.database,
            clients=self.clients,
            tokens=self.tokens,
            streams={"registry": StreamSettings(**stream)},
            insecure_allow_private=private,
            back_off=back_off,
        )

    def happens(self, now: datetime, *subjects: str, kind: EventKind = EventKind.CLAIMED, **data: Any) -> None:
        events = SecurityEvents({"registry"})
        with self.database.begin() as connection:
            for subject in subjects:
                self.numbers[subject] += 1
                events.write(connection, kind, subject, {"number": self.numbers[subject], **data}, now)

    def change(self, now: datetime, **changes: Any) -> None:
        metadata = ClientMetadata.model_validate({**CLIENT, **changes})
        with self.database.begin() as connection:
            self.clients.replace(connection, "registry", metadata, self.audit, now, secret_sha256="x")

    def set_status(self, now: datetime, status: str) -> None:
        with self.database.begin() as connection:
            self.clients.set_status(connection, "registry", status, self.audit, now)

    def waiting(self) -> list[str | None]:
        """Return the last error of each event that waits."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(security_deliveries.c.last_error)
                .where(security_deliveries.c.delivered_at.is_(None))
                .order_by(security_deliveries.c.event_id)
            )
            return list(rows.scalars())

    def verified(self, token: str, now: datetime) -> jwt.Token:
        keys = KeySet.import_key_set(json.loads(self.keys.jwks_document(now).body))
        return jwt.decode(token, keys, algorithms=["ES256", "EdDSA"])


def transmitter(database: Database, now: datetime) -> Transmitter:
    """Return what tells, with keys to sign with."""
    settings = Settings.model_validate(
        {
            "issuer": ISSUER,
            "secrets": {
                "encryption": {"v1": key()},
                "pseudonym": {"v1": key()},
                **{name: key() for name in ("index", "audit", "cookies")},
            },
            "mail": {"url": "directory:mail", "sender": "vestibule@login.example"},
        }
    )
    keys = SigningKeys(database, FieldCipher({"v1": os.urandom(32)}), ALGORITHMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signing, "generate", once.signing_key)
        keys.ensure(now)
    clients, audit = Clients(settings, database), Audit(database, os.urandom(32))
    with database.begin() as connection:
        metadata = ClientMetadata.model_validate(CLIENT)
        clients.add(connection, "registry", metadata, audit, now, secret="0123456789-abcdefghijklmnopqrstuvwxyz")
    return Transmitter(
        database=database,
        settings=settings,
        clients=clients,
        keys=keys,
        tokens=SecurityEventTokens(signer=Signer(keys, ISSUER), subjects=Subjects(database, os.urandom(32))),
        audit=audit,
    )
