"""An organisation to break things in: every answer of the API that docs/openapi.yaml describes, provoked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_hex

import requests
from sqlalchemy import delete, insert, update

from broker.accounts.organizations.capabilities import Role
from broker.accounts.organizations.changes import MOST_IN_A_DAY
from broker.accounts.organizations.model import changes
from broker.tenants.exceptions import MOST_ASKED
from broker.tenants.model import exceptions
from broker.tenants.rules import NOTHING_MORE, as_json
from providers.microsoft.roles import SPEAKING_ROLES
from providers.standins import FABRIKAM, NORTHWIND
from tests.management.estate import LESS, Estate, access_token
from tests.organizations import Organization, organization

Ask = Callable[[], requests.Response]
ADMIN = "suspended"  # of this organisation, which takes them
ORG, TENANT = "/api/organizations/{organization_id}", "/api/organizations/{organization_id}/tenants/{mapping_id}"
NOBODY = "00000000-0000-4000-8000-000000000000"
UNRULED = as_json(NOTHING_MORE)
STRICT = {**UNRULED, "guests": False, "max_age": 3600}
SHUTTING_OUT = {**UNRULED, "providers": ["entra"]}
ATTESTED = {"strength": "mfa", "every_time": True}


@dataclass(kw_only=True)
class Lab:
    """``less`` is a token of a person, without any of the scopes."""

    estate: Estate
    organization: Organization
    less: str

    def call(self, method: str, path: str, body: object = None, who: str = ADMIN) -> requests.Response:
        return self.estate.call(who, method, path, body)

    def path(self, template: str, **ids: str) -> str:
        """Return an address, with ids of nothing where none are given."""
        known = {
            "organization_id": self.organization.id,
            **dict.fromkeys(("account_id", "change_id", "mapping_id", "invitation_id", "exception_id"), NOBODY),
            "context": "c1",
            "verb": "approve",
        }
        return template.format(**{**known, **ids})

    def account(self, who: str) -> str:
        return self.estate.people[who].account_id

    def joined(self, who: str, role: Role = Role.MEMBER) -> str:
        """Return the account of a member, who is made one if they are not."""
        members = self.call("GET", self.path(f"{ORG}/members")).json()["items"]
        if self.account(who) not in {each["account_id"] for each in members}:
            self.organization.add(self.estate.people[who], role)
        return self.account(who)

    def change(self) -> str:
        """Return a change that waits."""
        where = self.path(f"{ORG}/members/{{account_id}}", account_id=self.joined("member"))
        return str(self.call("PATCH", where, {"role": "admin"}).json()["id"])

    def invitation(self) -> str:
        world, admin = self.estate.world, self.organization.fresh_admin()
        with world.parts.database.begin() as connection:
            return world.parts.people.invitations.invite(connection, admin, f"{token_hex(4)}@example.org", "x").id

    def requested(self) -> str:
        """Return a tenant that was only asked for."""
        wish = {"provider": "entra", "tid": NORTHWIND, "name": "Northwind"}
        made = self.call("POST", self.path(f"{ORG}/tenants"), wish)
        if made.status_code == 201:
            return str(made.json()["id"])
        return self._tenants()[NORTHWIND]

    def active(self) -> str:
        """Return a tenant that is active, whatever was done to it before."""
        mappings, world = self.estate.world.parts.people.mappings, self.estate.world
        mapping_id = self._tenants().get(FABRIKAM)
        if mapping_id is None:
            with world.parts.database.begin() as connection:
                admin = self.organization.fresh_admin()
                mapping_id = mappings.request(connection, admin, "entra", FABRIKAM, "Fabrikam").id
                mappings.prove(connection, admin, mapping_id, tid=FABRIKAM, roles=SPEAKING_ROLES, guest=False)
        for verb in ("approve", "resume"):
            self.decide("mappings", mapping_id, verb)
        return mapping_id

    def _tenants(self) -> dict[str, str]:
        found = self.call("GET", self.path(f"{ORG}/tenants")).json()["items"]
        return {each["tid"]: each["id"] for each in found if each["state"] not in ("released", "refused")}

    def exception(self) -> requests.Response:
        ends_at = (self.estate.world.clock() + timedelta(days=1)).isoformat()
        wish = {"members": [self.account(ADMIN)], "reason": "A lost key.", "ends_at": ends_at}
        return self.call("POST", self.path(f"{ORG}/exceptions"), wish)

    def decide(self, what: str, which: str, verb: str) -> requests.Response:
        return self.call("POST", f"/api/operator/{what}/{which}/{verb}", None, "operator")

    def begin(self) -> None:
        """Have nothing count as asked for lately, and nothing wait: the share of a day is for each test by itself."""
        with self.estate.world.parts.database.begin() as connection:
            for table in (changes, exceptions):
                values = {"state": "ended", "requested_at": self.estate.world.clock() - timedelta(days=2)}
                own = table.c.organization_id == self.organization.id
                connection.execute(update(table).where(own).values(**values))

    def use_up(self) -> None:
        """Have the organisation have asked for as much as it may in a day."""
        now = self.estate.world.clock()
        asked = {"organization_id": self.organization.id, "requested_by": NOBODY, "requested_at": now, "state": "ended"}
        mine = {"requested_by": self.account(ADMIN), "target": NOBODY}
        change = {**asked, **mine, "kind": "rule", "payload": "{}", "effective_at": now}
        exception = {**asked, "people": 1, "reason_sealed": b"", "ends_at": now}
        with self.estate.world.parts.database.begin() as connection:
            for table, values, most in ((changes, change, MOST_IN_A_DAY), (exceptions, exception, MOST_ASKED)):
                connection.execute(insert(table), [{**values, "id": token_hex(8)} for _ in range(most)])

    def forget(self) -> None:
        """Take back :meth:`use_up`."""
        with self.estate.world.parts.database.begin() as connection:
            connection.execute(delete(changes).where(changes.c.target == NOBODY))
            connection.execute(delete(exceptions).where(exceptions.c.requested_by == NOBODY))


def lab(estate: Estate) -> Lab:
    """Return the organisation, of somebody who is suspended in the other one."""
    person = estate.people[ADMIN]
    own = organization(estate.world, person, f"Laboratory {token_hex(8)}")
    return Lab(estate=estate, organization=own, less=access_token(person, LESS))


def refusals(lab: Lab, name: str) -> list[requests.Response]:
    """Return what every resource says to those who may not, and to what cannot be read."""
    method, template = name.split(" ")
    path, who = lab.path(template), "operator" if "/operator/" in template else ADMIN
    call = lab.estate.call
    found = [
        call(None, method, path),
        call(None, method, path, headers={"Authorization": f"Bearer {lab.less}"}),
        call(who, method, path, params={"x": "y"}),
    ]
    if "{" in template or "/operator/" in template:
        found.append(call("stranger", method, path))
    if method != "GET":
        found.append(call(who, method, path, data=b"x", headers={"Content-Type": "text/plain"}))
        found.append(call(who, method, path, data=b"x" * 70_000))
    return found


def _created(lab: Lab) -> list[requests.Response]:
    name = {"name": f"Laboratory {token_hex(8)}"}
    return [lab.call("POST", "/api/organizations", name, "member") for _ in range(2)]


def _renamed(lab: Lab) -> list[requests.Response]:
    path = lab.path(ORG)
    return [
        lab.call("PATCH", path, {"name": f"Laboratory {token_hex(8)}"}),
        lab.call("PATCH", path, {"name": "EXAMPLE"}),
    ]


def _role_changed(lab: Lab) -> list[requests.Response]:
    member = lab.path(f"{ORG}/members/{{account_id}}", account_id=lab.joined("member"))
    own = lab.path(f"{ORG}/members/{{account_id}}", account_id=lab.account(ADMIN))
    return [
        lab.call("PATCH", member, {"role": "admin"}),
        lab.call("PATCH", member, {"role": "member"}),
        lab.call("PATCH", member, {"role": "owner"}),
        lab.call("PATCH", own, {"role": "member"}),
    ]


def _removed(lab: Lab) -> list[requests.Response]:
    member = lab.path(f"{ORG}/members/{{account_id}}", account_id=lab.joined("member"))
    admin = lab.path(f"{ORG}/members/{{account_id}}", account_id=lab.joined("admin", Role.ADMIN))
    own = lab.path(f"{ORG}/members/{{account_id}}", account_id=lab.account(ADMIN))
    found = [lab.call("DELETE", admin), lab.call("DELETE", member)]
    lab.call("POST", lab.path(f"{ORG}/leave"), None, "admin")
    return [*found, lab.call("DELETE", own)]


def _left(lab: Lab) -> list[requests.Response]:
    lab.joined("member")
    path = lab.path(f"{ORG}/leave")
    return [lab.call("POST", path, None, "member"), lab.call("POST", path)]


def _invited(lab: Lab) -> list[requests.Response]:
    """By somebody who invites nobody else, since the mails of each are counted."""
    own = organization(lab.estate.world, lab.estate.people["operator"], f"Laboratory {token_hex(8)}")
    path, admin, parts = f"/api/organizations/{own.id}/invitations", own.fresh_admin(), lab.estate.world.parts
    found = [lab.call("POST", path, {"email": "same@example.org"}, "operator") for _ in range(6)]
    with parts.database.begin() as connection:
        for number in range(49):
            parts.people.invitations.invite(connection, admin, f"{number}@example.org", "x")
    return [*found, lab.call("POST", path, {"email": "other@example.org"}, "operator")]


def _rule_saved(template: str, which: Callable[[Lab], str] | None = None) -> "Answers":
    def answers(lab: Lab) -> list[requests.Response]:
        path = lab.path(template, mapping_id=which(lab) if which is not None else NOBODY)
        found = [lab.call("PUT", path, rule) for rule in (STRICT, UNRULED, {**UNRULED, "guests": "yes"})]
        lab.call("PUT", path, STRICT)
        if which is None:
            return [*found, lab.call("PUT", path, SHUTTING_OUT)]
        return [*found, lab.call("PUT", lab.path(template, mapping_id=lab.requested()), UNRULED)]

    return answers


def _wanted(lab: Lab) -> list[requests.Response]:
    lab.call("POST", lab.path(f"{TENANT}/release", mapping_id=lab.requested()))
    wish = {"provider": "entra", "tid": NORTHWIND, "name": "Northwind"}
    bad = {**wish, "provider": "nobody"}
    return [lab.call("POST", lab.path(f"{ORG}/tenants"), each) for each in (wish, wish, bad)]


def _at_tenant(method: str, template: str, body: object = None) -> "Answers":
    """Return what is answered of an active tenant, and of one that was only asked for."""

    def answers(lab: Lab) -> list[requests.Response]:
        paths = [lab.path(template, mapping_id=each) for each in (lab.active(), lab.requested())]
        return [lab.call(method, path, body) for path in paths]

    return answers


def _suspended_and(verb: str) -> "Answers":
    def answers(lab: Lab) -> list[requests.Response]:
        path = lab.path(f"{TENANT}/{verb}", mapping_id=lab.active())
        found = [lab.call("POST", path)]
        lab.call("POST", path.replace(verb, "suspend"))
        return [*found, lab.call("POST", path)]

    return answers


def _released(lab: Lab) -> list[requests.Response]:
    requested = lab.path(f"{TENANT}/release", mapping_id=lab.requested())
    active = lab.path(f"{TENANT}/release", mapping_id=lab.active())
    return [lab.call("POST", active), lab.call("POST", requested), lab.call("POST", requested)]


def _revoked(lab: Lab) -> list[requests.Response]:
    path = lab.path(f"{TENANT}/attestations/{{context}}", mapping_id=lab.active())
    return [lab.call("PUT", path, ATTESTED), lab.call("DELETE", path)][1:]


def _ended(lab: Lab) -> list[requests.Response]:
    where = lab.exception().headers["Location"]
    return [lab.call("DELETE", where), lab.call("DELETE", where)]


def _decided(lab: Lab) -> list[requests.Response]:
    mapping_id = lab.active()
    return [lab.decide("mappings", mapping_id, verb) for verb in ("suspend", "resume", "approve")]


def _exception_decided(lab: Lab) -> list[requests.Response]:
    exception_id = lab.exception().json()["id"]
    return [lab.decide("exceptions", exception_id, verb) for verb in ("approve", "end", "refuse")]


def _listed(template: str, make: Callable[[Lab], object], which: Callable[[Lab], str] | None = None) -> "Answers":
    """Return a list with something in it."""

    def answers(lab: Lab) -> list[requests.Response]:
        make(lab)
        path = lab.path(template, mapping_id=which(lab) if which is not None else NOBODY)
        return [lab.call("GET", path, None, "operator" if "/operator/" in template else ADMIN)]

    return answers


def _attested(lab: Lab) -> None:
    for each in lab.call("GET", lab.path(f"{ORG}/changes")).json()["items"]:
        lab.call("DELETE", lab.path(f"{ORG}/changes/{{change_id}}", change_id=each["id"]))
    lab.organization.attest(lab.active(), "c1", "mfa")
    lab.estate.world.clock.offset = timedelta(0)


def _one(template: str, name: str, make: Callable[[Lab], str]) -> "Answers":
    def answers(lab: Lab) -> list[requests.Response]:
        return [lab.call("GET", lab.path(template, **{name: make(lab)}))]

    return answers


def _previewed(template: str, which: Callable[[Lab], str] | None = None) -> "Answers":
    def answers(lab: Lab) -> list[requests.Response]:
        lab.joined("member")
        path = lab.path(template, mapping_id=which(lab) if which is not None else NOBODY)
        return [lab.call("POST", path, {**UNRULED, "strength": "phishing_resistant"})]

    return answers


def _too_often(answers: "Answers", ask: Callable[[Lab], Ask]) -> "Answers":
    """Return, before the others, the answer to one request too many. ``ask`` makes ready for it."""

    def with_it(lab: Lab) -> list[requests.Response]:
        lab.begin()
        asked = ask(lab)
        lab.begin()
        lab.use_up()
        refused = asked()
        lab.forget()
        return [refused, *answers(lab)]

    return with_it


def _loosened(template: str, which: Callable[[Lab], str] | None = None) -> Callable[[Lab], Ask]:
    def ask(lab: Lab) -> Ask:
        path = lab.path(template, mapping_id=which(lab) if which is not None else NOBODY)
        lab.call("PUT", path, STRICT)
        return lambda: lab.call("PUT", path, UNRULED)

    return ask


def _role_once_more(lab: Lab) -> Ask:
    path = lab.path(f"{ORG}/members/{{account_id}}", account_id=lab.joined("member"))
    return lambda: lab.call("PATCH", path, {"role": "admin"})


def _removal_once_more(lab: Lab) -> Ask:
    path = lab.path(f"{ORG}/members/{{account_id}}", account_id=lab.joined("admin", Role.ADMIN))
    return lambda: lab.call("DELETE", path)


def _resumption_once_more(lab: Lab) -> Ask:
    mapping_id = lab.active()
    lab.call("POST", lab.path(f"{TENANT}/suspend", mapping_id=mapping_id))
    return lambda: lab.call("POST", lab.path(f"{TENANT}/resume", mapping_id=mapping_id))


def _at_active(method: str, template: str, body: object = None) -> Callable[[Lab], Ask]:
    def ask(lab: Lab) -> Ask:
        path = lab.path(template, mapping_id=lab.active())
        return lambda: lab.call(method, path, body)

    return ask


Answers = Callable[[Lab], list[requests.Response]]
ANSWERS: Mapping[str, Answers] = {
    "GET /api/organizations": _listed("/api/organizations", Lab.active),
    "POST /api/organizations": _created,
    f"GET {ORG}": _listed(ORG, Lab.active),
    f"PATCH {ORG}": _renamed,
    f"GET {ORG}/changes": _listed(f"{ORG}/changes", Lab.change),
    f"DELETE {ORG}/changes/{{change_id}}": lambda lab: [
        lab.call("DELETE", lab.path(f"{ORG}/changes/{{change_id}}", change_id=lab.change()))
    ],
    f"GET {ORG}/members": _listed(f"{ORG}/members", lambda lab: lab.joined("member")),
    f"PATCH {ORG}/members/{{account_id}}": _too_often(_role_changed, _role_once_more),
    f"DELETE {ORG}/members/{{account_id}}": _too_often(_removed, _removal_once_more),
    f"POST {ORG}/leave": _left,
    f"GET {ORG}/invitations": _listed(f"{ORG}/invitations", Lab.invitation),
    f"POST {ORG}/invitations": _invited,
    f"GET {ORG}/invitations/{{invitation_id}}": _one(
        f"{ORG}/invitations/{{invitation_id}}", "invitation_id", Lab.invitation
    ),
    f"DELETE {ORG}/invitations/{{invitation_id}}": lambda lab: [
        lab.call("DELETE", lab.path(f"{ORG}/invitations/{{invitation_id}}", invitation_id=lab.invitation()))
    ],
    f"GET {ORG}/rule": _listed(f"{ORG}/rule", Lab.active),
    f"PUT {ORG}/rule": _too_often(_rule_saved(f"{ORG}/rule"), _loosened(f"{ORG}/rule")),
    f"POST {ORG}/rule/preview": _previewed(f"{ORG}/rule/preview"),
    f"GET {ORG}/tenants": _listed(f"{ORG}/tenants", Lab.active),
    f"POST {ORG}/tenants": _wanted,
    f"GET {TENANT}": _one(TENANT, "mapping_id", Lab.active),
    f"PUT {TENANT}/domains": _at_tenant("PUT", f"{TENANT}/domains", {"domains": []}),
    f"POST {TENANT}/suspend": _at_tenant("POST", f"{TENANT}/suspend"),
    f"POST {TENANT}/resume": _too_often(_suspended_and("resume"), _resumption_once_more),
    f"POST {TENANT}/release": _too_often(_released, _at_active("POST", f"{TENANT}/release")),
    f"GET {TENANT}/rule": _one(f"{TENANT}/rule", "mapping_id", Lab.active),
    f"PUT {TENANT}/rule": _too_often(
        _rule_saved(f"{TENANT}/rule", Lab.active), _loosened(f"{TENANT}/rule", Lab.active)
    ),
    f"POST {TENANT}/rule/preview": _previewed(f"{TENANT}/rule/preview", Lab.active),
    f"GET {TENANT}/attestations": _listed(f"{TENANT}/attestations", _attested, Lab.active),
    f"PUT {TENANT}/attestations/{{context}}": _too_often(
        _at_tenant("PUT", f"{TENANT}/attestations/{{context}}", ATTESTED),
        _at_active("PUT", f"{TENANT}/attestations/{{context}}", ATTESTED),
    ),
    f"DELETE {TENANT}/attestations/{{context}}": _revoked,
    f"GET {ORG}/exceptions": _listed(f"{ORG}/exceptions", Lab.exception),
    f"POST {ORG}/exceptions": _too_often(lambda lab: [lab.exception()], lambda lab: lab.exception),
    f"GET {ORG}/exceptions/{{exception_id}}": _one(
        f"{ORG}/exceptions/{{exception_id}}", "exception_id", lambda lab: str(lab.exception().json()["id"])
    ),
    f"DELETE {ORG}/exceptions/{{exception_id}}": _ended,
    "GET /api/operator/requests": _listed("/api/operator/requests", Lab.exception),
    "GET /api/operator/organizations": _listed("/api/operator/organizations", Lab.active),
    "GET /api/operator/mappings": _listed("/api/operator/mappings", Lab.active),
    "POST /api/operator/mappings/{mapping_id}/{verb}": _decided,
    "GET /api/operator/exceptions": _listed("/api/operator/exceptions", _exception_decided),
    "POST /api/operator/exceptions/{exception_id}/{verb}": _exception_decided,
}
