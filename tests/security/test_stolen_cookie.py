"""T3, T10: what somebody can do who has an admin's session cookie of eleven minutes ago, and nothing else of theirs.

The list is written down here. Nothing on it weakens the organisation, or adds a way into the admin's account, by which
the thief would come as the admin with a fresh proof.
"""

from collections.abc import Mapping
from dataclasses import replace

import pytest
import requests

from tests.management.estate import PROGRAM, SCOPE
from tests.oidc.device.command_line import confirmation, started
from tests.organizations import signed_in
from tests.security.admins.allowed import API, TABLE, refusal
from tests.security.admins.people import PERSONAS, Who
from tests.security.admins.rules import Rule
from tests.security.admins.samples import Sample, sample
from tests.security.admins.town import ELEVEN_MINUTES, Content, Credentials, Town
from tests.world import Page, Visitor

ORGANIZATION = "/organizations/<organization_id>"
CAN: Mapping[str, str] = {
    "POST /organizations": "begins an organisation of its own, in which nobody else is",
    f"POST {ORGANIZATION}/changes/<change_id>/stop": "keeps things as they are",
    f"POST {ORGANIZATION}/invitations/<invitation_id>/withdraw": "keeps somebody out who was not in yet",
    "POST /account/name": "the name that people read, which decides nothing",
    "POST /account/registries/withdraw": "takes access away",
    "POST /account/sessions/<sid>/end": "takes access away",
    "POST /account/sessions/end-others": "takes access away",
    "POST /account/sign-out-everywhere": "takes access away",
    "POST /signout": "ends the very session",
    "POST /logout/confirm": "ends the very session",
    "POST /consent/<handle>": "signs in at a registry, as that session does, and no fresher",
    "POST /device": "asks about a device",
    "POST /device/confirm/<handle>": "signs a device in at a registry, as that session does, and no fresher",
    "POST /work/<transaction_id>": "leads to a provider, where the thief is nobody",
    # Of the old world. Nothing of it is attached to anybody by these, and nothing of the admin's is given up.
    "POST /claim": "begins an attempt of its own, as anybody can",
    "POST /claim/<attempt_id>/mail": "has a link sent to the old address, as anybody can who begins an attempt",
    "POST /claim/<attempt_id>/password": "guesses, within the limits that hold for everybody",
    "POST /claim/link/<token>": "proves a mailbox, if its mail is read",
    "POST /convert/<attempt_id>": "leaves words in a form, for whoever comes back to it with a fresh proof",
    "POST /recover": "leaves words in a form, for whoever comes back to it with a fresh proof",
    "POST /recover/<ticket>/check": "has a public repository looked at",
    "POST /recover/<ticket>/withdraw": "keeps things as they are",
    "POST /migration/stop/<token>": "by a link in a mail, as anybody who reads it: keeps things as they are",
    "POST /migration/undo/<token>": "by a link in a mail, as anybody who reads it: takes access away",
    "POST /unsubscribe/<token>": "by a link in a mail, as anybody who reads it",
    "POST /unsubscribe/<token>/again": "by a link in a mail, as anybody who reads it",
}
# What is the organisation's, or leads to being its admin, or an operator.
WEIGHTY = (
    *("organizations", "mappings", "memberships", "changes", "invitations", "attestations", "tenant_domains"),
    *("exceptions", "exception_approvals", "exception_places", "operators", "identities"),
    *("registry_accounts", "migration_case_approvals"),
)
RULES = ("organizations", "mappings")
WHOLE = ("operators", "identities", "registry_accounts", "migration_case_approvals")


class Thief(Visitor):
    """A browser with the cookies of the admin, and a form token, which any page gives to whoever has those."""

    def __init__(self, town: Town) -> None:
        super().__init__(town.world)
        self.town = town
        self.http.cookies.update(town.organization.admin.visitor.http.cookies)
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.http.cookies)
        form_token = self.page(self.get("/account")).form_token()
        self.credentials = Credentials(cookies=cookies, form_token=form_token)

    def last_part(self, where: str) -> str:
        """Return the handle that an address ends with."""
        return where.partition("?")[0].rpartition("/")[2]

    def asked_for_consent(self) -> str:
        page = self.walk(self.authorize(self.world.registry("third-party").request()))
        assert isinstance(page, Page)
        assert "/consent/" in page.url
        return self.last_part(page.url)

    def asked_about_a_device(self) -> str:
        return self.last_part(confirmation(self, started(self.world, scope="openid")).url)

    def asked_where_they_work(self) -> str:
        response = self.authorize(self.world.registry().request(prompt="login"))
        return self.last_part(response.headers["Location"])


@pytest.fixture
def thief(town: Town) -> Thief:
    town.world.clock.move(ELEVEN_MINUTES)
    return Thief(town)


def requests_of(town: Town, thief: Thief, rule: Rule) -> tuple[Sample, ...]:
    """Return what the thief sends to an address: as good as can be."""
    if rule in TABLE:
        return TABLE[rule][1]
    session = town.organization.admin.session
    with town.world.parts.database.read() as connection:
        (identity,) = town.world.parts.accounts.identities(connection, session.account_id)
    form: Mapping[str, Sample] = {
        "/account/name": sample({"name": "Thief"}),
        "/account/email": sample({"email": "thief@example.org"}),
        "/account/email/confirm": sample({"token": "x"}),
        "/account/offer": sample({"action": "take"}),
        "/account/link/<provider_id>": sample(provider_id="github"),
        "/account/unlink/<identity_id>": sample(identity_id=identity.id),
        "/account/registries/withdraw": sample({"client_id": PROGRAM}),
        "/account/sessions/<sid>/end": sample(sid=session.sid),
        "/account/erase": sample({"confirm": "erase"}),
    }
    if rule.rule in form:
        return (form[rule.rule],)
    match rule.rule:
        case "/consent/<handle>":
            return (sample({"answer": "allow"}, handle=thief.asked_for_consent()),)
        case "/device":
            return (sample({"user_code": started(town.world, scope="openid").user_code}),)
        case "/device/confirm/<handle>":
            return (sample({"answer": "allow"}, handle=thief.asked_about_a_device()),)
        case "/account/sessions/end-others":
            signed_in(town.world, *PERSONAS[Who.ADMIN])
        case "/work/<transaction_id>":
            return (sample({"work": "Example"}, transaction_id=thief.asked_where_they_work()),)
    return (sample(),)


def test_t10_a_stolen_cookie_can_do_what_is_written_down_and_none_of_it_weakens(town: Town, thief: Thief) -> None:
    rules = {
        Rule(method=method, rule=rule.rule)
        for rule in town.world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS", "GET"}
    }
    done: set[str] = set()
    for rule in sorted(rules, key=str):
        for each in requests_of(town, thief, rule):
            before, at_first = town.content(), weighty(town, town.as_it_was)
            response = town.send(thief.credentials, rule, town.address(rule.rule, each), town.values(each))
            assert response.status_code < 500, rule
            after = town.content()
            if after != before:
                done.add(str(rule))
            now = weighty(town, after)
            for table in WEIGHTY:
                assert now[table] <= at_first[table], (rule, table)
            for table in RULES:
                assert now[table] == at_first[table], (rule, table)
            town.put_back()
    assert done == set(CAN)


def weighty(town: Town, content: Content) -> Mapping[str, set[tuple[object, ...]]]:
    """Return the rows that are about the organisation; of changes those that wait."""
    ids = {town.organization.id}
    for table in ("mappings", "exceptions"):
        ids |= {row[0] for row in content[table] if town.organization.id in row}
    return {
        table: {
            row
            for row in content[table]
            if (table in WHOLE or not ids.isdisjoint(row)) and (table != "changes" or "pending" in row)
        }
        for table in WEIGHTY
    }


def test_t10_what_is_not_fresh_takes_a_trip_through_the_provider_and_says_so(town: Town, thief: Thief) -> None:
    for path in ("/account/link/github", "/account/email", "/account/erase", f"{ORGANIZATION}/name"):
        address = town.address(path, sample())
        response = thief.post(address, {"csrf_token": thief.credentials.form_token, "name": "Renewed"})
        assert (response.status_code, "/signin?fresh=yes" in response.text) == (403, True), path
    provider = thief.walk(thief.get("/signin?fresh=yes&next=/organizations"))
    assert isinstance(provider, Page)
    assert provider.url.startswith(f"{town.world.base}/signin/"), "the cookie is no trip"


def test_t10_a_token_that_is_got_by_the_cookie_is_no_fresher_than_the_cookie(town: Town, thief: Thief) -> None:
    registry = town.world.registry(PROGRAM)
    request = registry.request(scope=SCOPE)
    token = registry.redeem(thief.walk(thief.authorize(request)), request).response["access_token"]
    stolen = Credentials(cookies="", form_token="", access_token=token)
    before = weighty(town, town.as_it_was)
    refused: dict[Rule, requests.Response] = {}
    for rule, (allowed, samples) in API.items():
        if Who.STALE in allowed or rule.is_operators:
            continue
        for each in samples:
            refused[rule] = town.send(stolen, rule, town.address(rule.rule, each), town.values(each))
    told = {(each.status_code, each.json()["code"]) for each in refused.values()}
    assert told == {(401, "insufficient_user_authentication")}
    assert all('max_age="600"' in each.headers["WWW-Authenticate"] for each in refused.values())
    assert len(refused) == 16
    assert weighty(town, town.content()) == before


def test_t10_an_access_token_opens_no_page_and_a_cookie_no_resource(town: Town) -> None:
    """Not even the best of each: of an admin, and an operator, who signed in just now."""
    for who in (Who.ADMIN, Who.OPERATOR):
        own = town.people[who]
        for rule, (allowed, samples) in TABLE.items():
            if Who.NOBODY in allowed or rule.rule.startswith("/callback/"):
                continue
            response = exchanged(town, own, rule, samples[0])
            assert response.status_code == refusal(Who.NOBODY, rule), (who, rule)
            assert town.changed() == set(), (who, rule)


def exchanged(town: Town, own: Credentials, rule: Rule, each: Sample) -> requests.Response:
    """Send a resource the cookies that are good for pages, and a page the token that is good for resources."""
    path, values = town.address(rule.rule, each), town.values(each)
    if rule.is_api:
        return town.send(replace(own, access_token=""), rule, path, values, {"Cookie": own.cookies})
    nobody = town.people[Who.NOBODY]
    return town.send(nobody, rule, path, values, {"Authorization": f"Bearer {own.access_token}"})
