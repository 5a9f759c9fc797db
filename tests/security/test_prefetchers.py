"""It must show 7: who follows links by GET or HEAD, as scanners of mails and prefetching browsers do, changes nothing.

Every GET rule of the URL map, with ids and tokens that are good, by strangers and by the very people they are for, in
the browser that began and in another one. Afterwards everything still works, by POST.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from secrets import token_urlsafe

import pytest
from sqlalchemy import select
from werkzeug.test import Client, TestResponse

from broker.accounts.model import identities
from broker.settings.clients import ClientMetadata
from tests.migrations.claiming.browsers import mailed
from tests.oidc.device.command_line import confirmation, started
from tests.organizations import SignedIn, signed_in, tokens
from tests.security.admins.allowed import TABLE
from tests.security.admins.people import PERSONAS, Who
from tests.security.admins.rules import Rule
from tests.security.admins.samples import Sample, sample
from tests.security.admins.town import Content, Town, differing
from tests.world import Page

NEW_ADDRESS = "moved@example.org"
MANAGEMENT_TOKEN = token_urlsafe(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt:
    """What a GET may change: values of the store whose keys begin so, and nothing else but what ``also`` names."""

    keys: tuple[str, ...]
    reason: str
    also: frozenset[str] = frozenset()


# No mail has a link to any of these, and none of them touches an account.
EXEMPT: Mapping[str, Exempt] = {
    "/authorize": Exempt(
        keys=("transaction:", "code:", "session:"),
        reason="a registry asks by it (OpenID Connect Core, 3.1.2.1): a sign-in begins, or a session gets a code, "
        "which is worth nothing without the verifier that the registry has, and remembers the registry",
        also=frozenset({"audit_entries", "indexes of the store"}),
    ),
    "/leave/<transaction_id>": Exempt(
        keys=("transaction:",), reason="a sign-in that this browser began is given up: begun anew, it is another"
    ),
    "/logout": Exempt(
        keys=("session:", "code:", "revoked:"),
        reason="with the ID token of this very session a registry signs somebody out (RP-Initiated Logout, 2)",
        also=frozenset({"audit_entries", "indexes of the store", "outbox"}),
    ),
}


# Where nothing that is good can be shown: it comes back from a provider, once, in the browser that went there.
NOT_OURS = frozenset({"/callback/<provider_id>", "/callback/<provider_id>/consent"})
# Where a sign-in begins: not for who fetches ahead, and says so.
REFUSED = frozenset(
    {"/signin", "/signin/<transaction_id>/<provider_id>", "/probe/<token>", "/device/confirm/<handle>/another"}
)
# What is done by POST afterwards, in this order, with the very tokens that were looked at, and by whom.
AFTERWARDS = (
    (Who.ADMIN, "/claim/link/<token>"),
    (Who.ADMIN, "/claim/<attempt_id>/finish"),
    (Who.ADMIN, "/convert/<attempt_id>"),
    (Who.OTHER, "/convert/accept/<token>"),
    (Who.NOBODY, "/migration/stop/<token>"),
    (Who.NOBODY, "/migration/undo/<token>"),
    (Who.NOBODY, "/unsubscribe/<token>"),
    (Who.NOBODY, "/unsubscribe/<token>/again"),
    (Who.ADMIN, "/recover/<ticket>/check"),
    (Who.OPERATOR, "/operator/migration/cases/<case_id>/approve"),
    (Who.OPERATOR, "/operator/migration/cases/<case_id>/uphold"),
    (Who.OTHER, "/invitations/<token>"),
    (Who.ADMIN, "/account/email/confirm"),
    (Who.ADMIN, "/consent/<handle>"),
    (Who.ADMIN, "/device"),
    (Who.ADMIN, "/device/confirm/<handle>"),
)
OWN_FORMS: Mapping[str, Sample] = {
    "/account/email/confirm": sample({"token": "email"}),
    "/consent/<handle>": sample({"answer": "allow"}, handle="consent"),
    "/device": sample({"user_code": "user_code"}),
    "/device/confirm/<handle>": sample({"answer": "allow"}, handle="device"),
}


class Prefetcher:
    """Follows links with what several browsers have."""

    def __init__(self, town: Town) -> None:
        self.town, self.admin = town, town.organization.admin
        self.client = Client(town.world.app, use_cookies=False)
        self.elsewhere = signed_in(town.world, *PERSONAS[Who.ADMIN])
        people = {str(who): town.people[who] for who in (Who.ADMIN, Who.OTHER, Who.OPERATOR, Who.NOBODY)}
        people["the admin, in another browser"] = replace(town.people[Who.ADMIN], cookies=_cookies(self.elsewhere))
        people["nobody's browser"] = replace(town.people[Who.NOBODY], cookies="")
        self.people = people
        self.things = {**town.things, **self._made()}

    def follow(self, path: str, query: Mapping[str, str]) -> bool:
        """Follow a link by GET and by HEAD, with everything that anybody has; return whether it led somewhere."""
        answers = []
        for credentials in self.people.values():
            headers = {"Cookie": credentials.cookies}
            if path.startswith("/api/") or path == "/userinfo":
                headers = {"Authorization": f"Bearer {credentials.access_token}"}
            elif path.startswith("/register/"):
                headers = {"Authorization": f"Bearer {MANAGEMENT_TOKEN}"}
            answers += [self._asked(method, path, query, headers) for method in ("GET", "HEAD")]
        assert all(each.status_code < 500 for each in answers), path
        return any(each.status_code < 400 for each in answers)

    def _asked(self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> TestResponse:
        prefetching = {**headers, "Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender"}
        base = self.town.world.base
        return self.client.open(path, base_url=base, method=method, query_string=query, headers=prefetching)

    def _made(self) -> Mapping[str, str]:
        """Begin what the town has not begun, and return its handles and tokens."""
        visitor, world = self.admin.visitor, self.town.world
        consent = visitor.walk(visitor.authorize(world.registry("third-party").request()))
        assert isinstance(consent, Page)
        device, waiting = confirmation(visitor, started(world, scope="openid")), started(world, scope="openid")
        transactions = [
            _last(visitor.authorize(world.registry().request(prompt="login")).headers["Location"]) for _ in range(2)
        ]
        assert visitor.submit("/account/email", {"email": NEW_ADDRESS}).status_code == 303
        (email,) = mailed(world, NEW_ADDRESS, "/account/email/confirm")
        with world.parts.database.read() as connection:
            mine = select(identities.c.id).where(identities.c.account_id == self.admin.account_id)
            identity_id = connection.execute(mine).scalar_one()
        return {
            "consent": _last(consent.url),
            "device": _last(device.url),
            "user_code": waiting.user_code,
            "transaction_id": transactions[0],
            "given_up": transactions[1],
            "id_token": str(tokens(self.elsewhere).response["id_token"]),
            "email": email.partition("token=")[2],
            "probe": world.parts.proofs.start_probe("github", world.clock()),
            "probed": self._probed(),
            "client_id": self._client(),
            "identity_id": identity_id,
        }

    def _probed(self) -> str:
        world = self.town.world
        token, visitor = world.parts.proofs.start_probe("github", world.clock()), world.visitor()
        chooser = visitor.walk(visitor.get(f"/probe/{token}"))
        assert isinstance(chooser, Page)
        visitor.walk(visitor.get(next(each for each in chooser.links if each.endswith("/github"))), "2fa-true")
        return token

    def _client(self) -> str:
        client_id, parts = token_urlsafe(16), self.town.world.parts
        metadata = {"name": "A program", "redirect_uris": ["https://program.example/cb"], "first_party": True}
        with parts.database.begin() as connection:
            parts.clients.add(
                connection,
                client_id,
                ClientMetadata.model_validate(metadata),
                parts.audit,
                self.town.world.clock(),
                secret=token_urlsafe(32),
                management_token=MANAGEMENT_TOKEN,
            )
        return client_id


def _cookies(person: SignedIn) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in person.visitor.http.cookies)


def _last(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def prefetcher(town: Town) -> Prefetcher:
    return Prefetcher(town)


def samples(prefetcher: Prefetcher, rule: str) -> tuple[Sample, ...]:
    """Return how an address is asked for that is in no table of admins: as good as can be."""
    request = prefetcher.town.world.registry().request
    hint = {"client_id": "registry", "id_token_hint": prefetcher.things["id_token"]}
    known: Mapping[str, tuple[Sample, ...]] = {
        "/authorize": tuple(sample(dict(request(**each).parameters)) for each in ({}, {"prompt": "none"})),
        "/signin": (sample({"fresh": "yes", "next": "/account"}),),
        "/consent/<handle>": (sample(handle="consent"),),
        "/device": (sample({"user_code": prefetcher.things["user_code"]}),),
        "/device/confirm/<handle>": (sample(handle="device"),),
        "/device/confirm/<handle>/another": (sample(handle="device"),),
        "/leave/<transaction_id>": (sample(transaction_id="given_up"),),
        "/signin/<transaction_id>/<provider_id>": (sample(provider_id="github"),),
        # Nobody but a provider makes the link that ends a sign-in, and it ends with this very browser.
        "/callback/<provider_id>": (sample({"state": token_urlsafe(32), "code": "x"}, provider_id="github"),),
        "/callback/<provider_id>/consent": (sample({"state": token_urlsafe(32), "admin_consent": "True"}),),
        "/probe/<token>": (sample(token="probe"),),
        "/probe/<token>/done": (sample(token="probed"),),
        "/account/email/confirm": (sample({"token": prefetcher.things["email"]}),),
        "/logout": (sample(hint), sample()),
        "/assets/<name>": (sample(name="style.css"),),
        "/for-admins/<provider_id>/<code>": (sample(provider_id="entra", code="AADSTS90094"),),
    }
    if rule in known:
        return known[rule]
    return TABLE[Rule(method="GET", rule=rule)][1] if Rule(method="GET", rule=rule) in TABLE else (sample(),)


def test_t10_link_prefetchers_change_nothing_anywhere(town: Town, prefetcher: Prefetcher) -> None:
    rules = {rule.rule for rule in town.world.app.url_map.iter_rules() if "GET" in (rule.methods or set())}
    changed: dict[str, set[str]] = {}
    before = town.content()
    # The one that may sign somebody out comes last.
    for rule in sorted(rules, key=lambda rule: (rule == "/logout", rule)):
        for each in samples(prefetcher, rule):
            path = town.address(rule, each, prefetcher.things)
            query = {name: str(value) for name, value in town.values(each).items()}
            assert prefetcher.follow(path, query) or rule in NOT_OURS | REFUSED, (rule, each.ids)
            after = town.content()
            if unexpected := _unexpected(rule, before, after):
                changed[f"{rule} {dict(each.ids)}"] = unexpected
            before = after
    assert changed == {}
    assert len(rules) > 70
    for who, name in AFTERWARDS:
        _works(town, prefetcher, who, name)


def _works(town: Town, prefetcher: Prefetcher, who: Who, name: str) -> None:
    """Have somebody do what was only looked at so far."""
    rule = Rule(method="POST", rule=name)
    each, before = OWN_FORMS[name] if name in OWN_FORMS else TABLE[rule][1][0], town.content()
    values = {field: prefetcher.things.get(str(value), value) for field, value in town.values(each).items()}
    answer = town.send(town.people[who], rule, town.address(name, each, prefetcher.things), values)
    assert answer.status_code in (200, 303), (name, answer.text)
    assert "/signin" not in answer.headers.get("Location", ""), name
    assert differing(before, town.content()), name


def _unexpected(rule: str, before: Content, after: Content) -> set[str]:
    """Return what is not as it was: tables, and keys of the store, but for what the rule is exempt from."""
    exempt = EXEMPT.get(rule, Exempt(keys=(), reason=""))
    values = "values of the store"
    keys = differing(before[values], after[values])
    tables = differing(before, after) - {values} - exempt.also
    return tables | {key for key in keys if not key.startswith(exempt.keys)}
