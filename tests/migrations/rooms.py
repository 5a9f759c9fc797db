"""The core of the old world over a database of the test's own: everything real, but who signed in and how."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from broker.accounts.carried import carried_by
from broker.accounts.organizations.capabilities import FreshOperator
from broker.events.model import outbox, security_events
from broker.events.security import SecurityEvents
from broker.events.service import payload_context
from broker.storage.database import Database
from migrations.accounts.admins import Admins
from migrations.accounts.cases import Case, CaseKind, Cases, CaseState
from migrations.accounts.due import Due
from migrations.accounts.effects import Effects
from migrations.accounts.links import Verb
from migrations.accounts.model import case_approvals, legacy_accounts
from migrations.accounts.notices import Notices
from migrations.accounts.records import Ledger, LegacyAccount, dump_packages, sealing_context
from tests.accounts.organizations.rooms import ISSUER, NOW, Room, SignIn

WEEK = timedelta(days=7)


class OldRoom(Room):
    """A room with an old world. The registry ``registry`` listens to events."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._accounts: dict[str, str] = {}
        self.ledger = Ledger(self.cipher, self.index)
        self.cases = Cases(self.cipher)
        self.named = Admins(cipher=self.cipher, index=self.index, standing=self.standing, proofs=self.proofs)
        self.effects = Effects(
            ledger=self.ledger,
            cases=self.cases,
            admins=self.named,
            accounts=self.accounts,
            organizations=self.organizations,
            standing=self.standing,
            proofs=self.proofs,
            events=SecurityEvents(["registry"]),
            notices=Notices(
                accounts=self.accounts,
                operators=self.operators,
                outbox=self.outbox,
                issuer=ISSUER,
                registry="Example Registry",
            ),
            outbox=self.outbox,
            audit=self.audit,
        )
        self.due = Due(database=database, effects=self.effects)

    def legacy(self, registry_id: str = "42", *, email: str | None = "old@old.example", **values: Any) -> str:
        """Write one account as an import would, and return its id."""
        name = str(values.pop("name", f"user{registry_id}"))
        row: dict[str, Any] = {
            "registry_id": registry_id,
            "kind": "person",
            "state": "pending",
            "name_sealed": self.cipher.seal(name.encode(), sealing_context("name", registry_id)),
            "name_index": self.index.of(name),
            "email_sealed": email and self.cipher.seal(email.encode(), sealing_context("email", registry_id)),
            "email_index": email and self.index.of(email),
            "email_confirmed": email is not None,
            "hash_sealed": b"sealed",
            "hash_format": "bcrypt",
            "packages": dump_packages([]),
            "downloads": 0,
            "keys": 0,
            "imported_at": NOW,
            "forget_at": NOW + timedelta(days=400),
            "source_mac": "",
            **values,
        }
        with self.database.begin() as connection:
            connection.execute(insert(legacy_accounts).values(**row))
        return registry_id

    def get(self, registry_id: str = "42") -> LegacyAccount:
        with self.database.read() as connection:
            found = self.ledger.get(connection, registry_id)
        assert found is not None
        return found

    def begin(
        self,
        person: SignIn,
        registry_id: str = "42",
        kind: CaseKind = CaseKind.CLAIM,
        *,
        due_at: datetime = NOW,
        details: Mapping[str, object] | None = None,
    ) -> Case:
        with self.database.begin() as connection:
            held = self.ledger.held(connection, registry_id)
            return self.effects.begin(connection, held, kind, person, NOW, due_at=due_at, details=details)

    def claimed(self, person: SignIn, registry_id: str = "42") -> Case:
        """Have somebody claim an account, in effect now."""
        case = self.begin(person, registry_id)
        with self.database.begin() as connection:
            return self.effects.take_effect(connection, case, NOW)

    def asked(self, person: SignIn, registry_id: str = "42") -> Case:
        """Have somebody ask for a recovery."""
        with self.database.begin() as connection:
            return self.cases.open(
                connection,
                CaseKind.RECOVERY,
                registry_id,
                person,
                CaseState.ASKED,
                NOW,
                due_at=NOW + timedelta(days=30),
                details={"evidence": "a word"},
            )

    def granted(self, case: Case) -> Case:
        """Have two operators grant a recovery, which takes effect in a week."""
        operators = [self.account(name) for name in ("olga", "oscar")]
        with self.database.begin() as connection:
            for operator in operators:
                self.operators.add(connection, operator, NOW)
                approved = {"case_id": case.id, "operator_id": operator, "approved_at": NOW}
                connection.execute(insert(case_approvals).values(**approved))
            return self.effects.wait(connection, case, NOW, due_at=NOW + WEEK)

    def account(self, name: str) -> str:
        """Return the account of somebody who is new the first time."""
        if name not in self._accounts:
            self._accounts[name] = self.sign_in(name).account_id
        return self._accounts[name]

    def converting(self, starter: SignIn, admins: Sequence[SignIn], registry_id: str = "42") -> Case:
        """Have a conversion wait a week, that these people accepted."""
        details = {"organization": "Example"}
        case = self.begin(starter, registry_id, CaseKind.CONVERSION, due_at=NOW + WEEK, details=details)
        with self.database.begin() as connection:
            for number, each in enumerate(admins):
                ((named, _),) = self.named.name(connection, case, [f"{number}@example.org"])
                assert self.named.accept(connection, named, each, NOW)
        return case

    def case(self, case: Case) -> Case:
        with self.database.read() as connection:
            return self.cases.get(connection, case.id)

    def carried(self, account_id: str) -> list[str]:
        with self.database.read() as connection:
            return carried_by(connection, account_id)

    def operator(self, name: str = "otto", now: datetime = NOW) -> FreshOperator:
        sign_in = self.sign_in(name)
        with self.database.begin() as connection:
            self.operators.add(connection, sign_in.account_id, NOW)
        return FreshOperator(account_id=sign_in.account_id, proven=sign_in, now=now, fresh=True)

    def mails(self) -> list[Mapping[str, str]]:
        with self.database.read() as connection:
            rows = connection.execute(select(outbox).where(outbox.c.kind == "mail")).all()
        opened = [json.loads(self.cipher.open(row.payload_sealed, payload_context(row.id))) for row in rows]
        return sorted(opened, key=lambda mail: (mail["to"], mail["subject"]))

    def mails_to(self, address: str) -> list[str]:
        """Return the texts of what is to be sent there."""
        return [each["text"] for each in self.mails() if each["to"] == address]

    def link(self, verb: Verb) -> str:
        """Return the token of the link in the mails to the old address."""
        prefix = f"{ISSUER}/migration/{verb.value}/"
        (token,) = [
            line.removeprefix(prefix)
            for text in self.mails_to("old@old.example")
            for line in text.splitlines()
            if line.startswith(prefix)
        ]
        return token

    def events(self) -> list[tuple[str, str, dict[str, object]]]:
        """Return kind, subject and data of every event."""
        with self.database.read() as connection:
            rows = connection.execute(select(security_events).order_by(security_events.c.id)).all()
        return [(row.kind, row.subject, json.loads(row.data)) for row in rows]
