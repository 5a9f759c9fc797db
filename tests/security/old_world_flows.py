"""What people and operators do in the old world, with canary values in all that is imported or typed."""

import hashlib
import struct
from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from migrations.accounts.periods import OBJECTION
from tests.migrations.claiming.browsers import Claimant, mailed
from tests.migrations.conversion.house import House
from tests.migrations.legacy import imported, package
from tests.organizations import OPERATOR_PERSONA, OPERATOR_PROVIDER, SignedIn, signed_in
from tests.world import Visitor, World

WORD = "goldammer"
LINKED_ID = "777000111777"
BREACHED = f"{WORD}-password-breached"
CLAIMED, STOPPED, KNOWN, ASKED, SHARED, GATHERING, TYPED, LINKED, SETTLED, REFUSED = map(str, range(1, 11))
PERSONS = (CLAIMED, STOPPED, KNOWN, ASKED, LINKED, SETTLED)
HERE = "/operator/migration"


def name_of(registry_id: str) -> str:
    return f"{WORD}-user{registry_id}"


def email_of(registry_id: str) -> str:
    return f"{WORD}{registry_id}@old.example"


def password_of(registry_id: str) -> str:
    return BREACHED if registry_id == KNOWN else f"{WORD}-password-{registry_id}"


def salt_of(registry_id: str) -> bytes:
    return f"{WORD}-salt-{registry_id}".encode()


def digest_of(registry_id: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password_of(registry_id).encode(), salt_of(registry_id), 1000, 32)


def row(registry_id: str, **changes: Any) -> dict[str, Any]:
    """Return a row as a registry exports it, with ASP.NET Core Identity's hash."""
    salt = salt_of(registry_id)
    record = b"\x01" + struct.pack(">III", 1, 1000, len(salt)) + salt + digest_of(registry_id)
    return {
        "registry_id": registry_id,
        "name": name_of(registry_id),
        "email": email_of(registry_id),
        "email_confirmed": True,
        "password_hash": b64encode(record).decode(),
        "kind": "person" if registry_id in PERSONS else "alias",
        "packages": [package(f"package{registry_id}", downloads=10**7 if registry_id == STOPPED else 1)],
        "keys": 2,
        **changes,
    }


def rows() -> list[dict[str, Any]]:
    """Return all of them; the last one is refused."""
    linked = row(LINKED, identities=[{"provider": "github", "id": LINKED_ID}])
    refused = row(REFUSED, password_hash=f"{WORD}-is-no-hash", email=f"{WORD}@@old.example")
    plain = (row(each) for each in (CLAIMED, STOPPED, KNOWN, ASKED, SHARED, GATHERING, TYPED, SETTLED))
    return [*plain, linked, refused]


class Driven:
    """Everything that people and operators do in the old world, over HTTP."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.convert = world, ""
        imported(world, rows())
        self.house = House(world, folder)
        for someone in (self.house.ada, self.house.tom, self.house.mia):
            someone.email = f"{WORD}-{someone.email}"
            with world.parts.database.begin() as connection:
                now = world.clock()
                world.parts.accounts.set_email(connection, someone.account_id, someone.email, verified=True, now=now)
        self.operator: SignedIn = signed_in(world, OPERATOR_PERSONA, OPERATOR_PROVIDER)
        with world.parts.database.begin() as connection:
            world.parts.people.operators.add(connection, self.operator.account_id, world.clock())

    def everything(self) -> None:
        """Do it. What is done last is still in the outbox."""
        self.claims()
        self.recovery()
        self.conversions()
        self.campaign()
        self.worker()
        Claimant.of(self.world).begin(email_of(LINKED)).ask_for_link(email_of(LINKED))
        self.claim(SETTLED)

    def worker(self) -> None:
        for _ in range(3):  # it sends so many at a time
            assert self.world.parts.worker.run_once() == []

    def claim(self, registry_id: str) -> str:
        """Claim an account, with a wrong password first, and return the id of the case."""
        claimant = Claimant.of(self.world).begin(name_of(registry_id))
        claimant.give_password(f"{WORD}-mistyped")
        claimant.give_password(password_of(registry_id))
        claimant.prove_mailbox(email_of(registry_id))
        claimant.sign_in("entra-phr", "entra")
        claimed = claimant.finish()
        assert claimed.status_code == 303, claimed.text
        return str(claimed.headers["Location"].rpartition("/")[2])

    def claims(self) -> None:
        undone, stopped = self.claim(CLAIMED), self.claim(STOPPED)
        for registry_id, verb in ((CLAIMED, "undo"), (STOPPED, "stop")):
            (link,) = mailed(self.world, email_of(registry_id), f"/migration/{verb}/")
            assert self.world.visitor().submit(link, page=link).status_code == 200
        self.decide(undone, "uphold")
        self.decide(stopped, "give-back")
        claimant = Claimant.of(self.world).begin(email_of(KNOWN))
        claimant.give_password(BREACHED)
        claimant.prove_mailbox(email_of(KNOWN))
        assert "thieves" in claimant.page().text

    def decide(self, case_id: str, verb: str) -> None:
        path = f"{HERE}/cases/{case_id}"
        assert self.operator.visitor.get(path).status_code == 200
        assert self.operator.visitor.submit(f"{path}/{verb}", page=HERE).status_code == 303, verb

    def recovery(self) -> None:
        mia = self.house.mia
        form = {"account": name_of(ASKED), "missing": "both", "evidence": f"I am {WORD}.", "package": f"package{ASKED}"}
        asked = mia.press("/recover", form)
        assert asked.status_code == 303, asked.text
        path = asked.headers["Location"]
        assert mia.press(path, verb="/check").status_code == 303
        assert mia.press("/recover", {**form, "account": f"{WORD}-nobody"}).status_code == 303
        self.worker()
        with self.world.parts.database.read() as connection:
            case = self.house.old_world.effects.cases.of_account(connection, mia.account_id)[0]
        assert f"I am {WORD}." in self.operator.visitor.get(f"{HERE}/cases/{case.id}").text
        self.decide(case.id, "approve")
        self.decide(case.id, "refuse")

    def conversions(self) -> None:
        tom, mia = self.house.tom, self.house.mia
        for registry_id in (SHARED, GATHERING):
            # One that waits for an admin keeps the addresses that were named.
            name = f"Team {registry_id}"
            form = {"organization": name, "admin-1": tom.email, "admin-2": mia.email}
            assert self.proven(registry_id).submit(self.convert, form, page=self.convert).status_code == 303
            for each in (tom, mia) if registry_id == SHARED else (tom,):
                door = self.house.door(name, each)
                assert each.press(door).status_code == 303
        ada = self.proven(TYPED)
        self.world.clock.move(timedelta(minutes=11))
        ada.submit(self.convert, {"organization": f"{WORD} again", "admin-1": f"{WORD}-typed@people.example"})
        self.world.clock.move(-timedelta(minutes=11))
        self.house.old_world.due.run(self.world.clock() + OBJECTION)

    def proven(self, registry_id: str) -> Visitor:
        """Have Ada prove password and mailbox of a shared account; ``convert`` is the page that it leads to."""
        claimant = Claimant(world=self.world, visitor=self.house.ada).begin(name_of(registry_id))
        claimant.give_password(password_of(registry_id))
        claimant.prove_mailbox(email_of(registry_id))
        self.convert = claimant.path.replace("/claim/", "/convert/")
        return self.house.ada

    def campaign(self) -> None:
        def send(path: str, data: Mapping[str, str]) -> int:
            return self.operator.visitor.submit(f"{HERE}{path}", data, page=HERE).status_code

        text = {"subject": "{registry}", "text": "{name}: {link} {unsubscribe}"}
        assert send("/search", {"account": email_of(KNOWN)}) == 303
        assert send("/search", {"account": f"{WORD}-nobody"}) == 404
        assert send("/mails/announced/preview", {**text, "account": KNOWN}) == 200
        assert send("/mails/announced", text) == 303
        assert send("/waves", {"template": "announced", "audience": "everyone"}) == 303
        self.worker()
        (link,) = set(mailed(self.world, email_of(KNOWN), "/unsubscribe/"))
        assert self.world.visitor().post(link, {"List-Unsubscribe": "One-Click"}).status_code == 200
