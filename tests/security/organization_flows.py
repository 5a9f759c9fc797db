"""Everything that people of organisations and operators can do with the broker, right and wrong, each once."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from broker.accounts.organizations.changes import WAIT
from broker.oidc.scopes import MANAGEMENT
from broker.tenants.rules import NOTHING_MORE, as_json
from providers.standins import NORTHWIND
from providers.standins import browser as upstream
from tests.organizations import OPERATOR_PERSONA, OPERATOR_PROVIDER, Organization, SignedIn, invited, operator
from tests.security.tenants import refused
from tests.signin.test_work import answer, question
from tests.world import TIMEOUT, Page, World

CLIENT = "program"
# Of these only people's own words are to be found nowhere: the names of organisations and tenants are for all to read.
NAME, TENANT_NAME = "Packagers", "Northwind Traders"


def settings(one: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the client of the program that manages."""
    return {CLIENT: {**one, "scopes": ["openid", *sorted(MANAGEMENT)]}}


def drive(world: World, folder: Path, canary: str, typed_in: str) -> None:
    """Drive all flows. ``typed_in`` is in whatever people write, ``canary`` in what providers say of them."""
    admin, deciding = _somebody(world, "entra-mfa", "entra"), _somebody(world, OPERATOR_PERSONA, OPERATOR_PROVIDER)
    operator(world)
    own = _founded(admin, typed_in)
    _people(own, folder, canary, typed_in)
    tenant = _mapped(own, deciding, typed_in)
    _rules(own, tenant, typed_in)
    _excepted(own, deciding, typed_in)
    _found_the_way(world, typed_in)
    _managed(own, typed_in)
    # What was told last stays on its way.
    assert admin.visitor.submit(f"{tenant}/suspend").status_code == 303


def _somebody(world: World, persona: str, provider: str) -> SignedIn:
    visitor = world.visitor()
    visitor.open_account(persona, provider)
    return SignedIn(world=world, visitor=visitor)


def _founded(admin: SignedIn, typed_in: str) -> Organization:
    """An organisation, after names that are none."""
    visitor = admin.visitor
    assert visitor.submit("/organizations", {"name": f"{typed_in}\n"}).status_code == 400
    made = visitor.submit("/organizations", {"name": "Made"})
    own = Organization(world=admin.world, id=_id_in(made), admin=admin)
    assert visitor.submit(f"{_page(own)}/name", {"name": NAME}).status_code == 303
    assert visitor.submit(f"{_page(own)}/name", {"name": f"{typed_in}\0"}).status_code == 400
    visitor.get(f"{_page(own)}?notice={typed_in}")
    visitor.get(f"/organizations/{typed_in}")
    return own


def _people(own: Organization, folder: Path, canary: str, typed_in: str) -> None:
    """Invitations: accepted, forwarded, withdrawn, wrong, and left open. A member promoted, and stopped."""
    world, visitor, page = own.world, own.admin.visitor, _page(own)
    _, link = invited(own, f"{canary}-oidc-phrh@personas.example", folder)
    forwarded, guest = _somebody(world, "2fa-true", "github"), _somebody(world, "oidc-phrh", "generic")
    assert forwarded.visitor.submit(link).status_code == 403
    assert guest.visitor.submit(link).status_code == 303
    guest.visitor.get(link)
    world.visitor().get(f"/invitations/{typed_in}")
    for email, status in (
        (f"{typed_in}@@x", 400),
        (f"{typed_in}@personas.example", 303),
        (f"{typed_in}-2@x.example", 303),
    ):
        assert visitor.submit(f"{page}/invitations", {"email": email}).status_code == status
    taken_back, _ = invited(own, f"{typed_in}-3@personas.example", folder)
    assert visitor.submit(f"{page}/invitations/{taken_back}/withdraw").status_code == 303
    assert visitor.submit(f"{page}/members/{guest.account_id}/role", {"role": "admin"}).status_code == 303
    visitor.submit(f"{page}/members/{guest.account_id}/role", {"role": typed_in})
    with world.parts.database.read() as connection:
        (waiting,) = world.parts.people.changes.waiting(connection, own.id)
    assert visitor.submit(f"{page}/changes/{waiting.id}/stop").status_code == 303


def _mapped(own: Organization, deciding: SignedIn, typed_in: str) -> str:
    """A tenant asked for, refused by Microsoft, approved, proven, approved by an operator; return its page."""
    visitor, page = own.admin.visitor, _page(own)
    for tenant in (typed_in, f"{typed_in}.example"):
        assert visitor.submit(f"{page}/tenants", {"tenant": tenant, "name": TENANT_NAME}).status_code == 400
    asked = visitor.submit(f"{page}/tenants", {"tenant": "northwind.example", "name": TENANT_NAME})
    here = asked.headers["Location"].partition("?")[0]
    for persona in ("not approved", "northwind-pwd", "northwind-admin"):
        onward = visitor.page(visitor.submit(f"{here}/prove", page=here)).onward
        assert onward is not None
        if persona == "not approved":
            parameters = parse_qs(urlsplit(onward).query)
            given = {"error": "access_denied", "error_description": typed_in, "state": parameters["state"][0]}
            assert visitor.get(f"{parameters['redirect_uri'][0]}?{urlencode(given)}").status_code == 403
        else:
            ended = visitor.walk(visitor.come_back(upstream.sign_in(onward, "nobody")), persona)
            assert isinstance(ended, Page)
            assert ended.status == (403 if persona == "northwind-pwd" else 200)
    visitor.submit(f"{here}/prove", page=here)  # and leave it open
    assert deciding.visitor.get(f"/operator?search={typed_in}").status_code == 200
    mapping_id = here.rpartition("/")[2]
    assert deciding.visitor.submit(f"/operator/mappings/{mapping_id}/approve").status_code == 303
    deciding.visitor.submit(f"/operator/mappings/{mapping_id}/{typed_in}")
    assert visitor.submit(f"{here}/domains", {"domains": "northwind.example"}).status_code == 303
    assert visitor.submit(f"{here}/domains", {"domains": f"{typed_in}.example"}).status_code == 400
    return here


def _rules(own: Organization, tenant: str, typed_in: str) -> None:
    """Rules made stricter and looser, wrong ones, and a context attested; a day passes."""
    visitor, page = own.admin.visitor, _page(own)
    for where in (page, tenant):
        for form, status in (
            ({"strength": "mfa", "session_length": "600"}, 303),
            ({"strength": "mfa"}, 303),
            ({"strength": typed_in}, 400),
        ):
            visitor.get(f"{where}/rules/preview?{urlencode(form)}")
            assert visitor.submit(f"{where}/rules", form).status_code == status
    for context, status in (("c1", 303), (typed_in, 400)):
        form = {"context": context, "strength": "mfa", "sign": "yes"}
        assert visitor.submit(f"{tenant}/attestations", form).status_code == status
    own.world.clock.move(WAIT + timedelta(minutes=1))
    own.world.parts.worker.run_once()
    own.world.clock.offset = timedelta(0)
    _somebody(own.world, "northwind-c1", "entra")


def _excepted(own: Organization, deciding: SignedIn, typed_in: str) -> None:
    """Exceptions asked for with reasons, of which one runs, one was refused, one ended, one waits."""
    visitor, here = own.admin.visitor, f"{_page(own)}/exceptions"
    assert refused(own.world, "northwind-pwd") == "too_weak"
    last_day = (own.world.clock() + timedelta(days=2)).date().isoformat()
    form = {"scope": NORTHWIND, "people": "2", "reason": f"Why? {typed_in}", "last_day": last_day}
    for verb in ("approve", "refuse", "end", "none"):
        assert visitor.submit(here, form).status_code == 303
        with own.world.parts.database.read() as connection:
            (asked,) = own.world.parts.people.exceptions.to_decide(connection)
        if verb != "none":
            assert deciding.visitor.submit(f"/operator/exceptions/{asked.id}/{verb}").status_code == 303
    for wrong in ({"reason": f"{typed_in}\0"}, {"people": typed_in}, {"last_day": typed_in}, {"scope": typed_in}):
        assert visitor.submit(here, {**form, **wrong}).status_code == 400
    exempt = _somebody(own.world, "northwind-pwd", "entra")
    exempt.visitor.get("/organizations")


def _found_the_way(world: World, typed_in: str) -> None:
    """What people type of their work account, and what they send to their admin."""
    visitor = world.visitor()
    for typed in (f"{typed_in}@northwind.example", f"{typed_in}@nobody.example", typed_in, NAME):
        answer(visitor, question(visitor), typed)
    world.visitor().sign_in("entra-admin-consent", "entra")
    world.visitor().get(f"/for-admins/entra/AADSTS90094?correlation_id={typed_in}")


def _managed(own: Organization, typed_in: str) -> None:
    """The same by a program, as far as it takes words."""
    world, registry, visitor = own.world, own.world.registry(CLIENT), own.admin.visitor
    request = registry.request(scope=" ".join(["openid", *sorted(MANAGEMENT)]))
    token = registry.redeem(visitor.walk(visitor.authorize(request)), request).response["access_token"]
    api = f"{world.base}/api/organizations/{own.id}"

    def call(method: str, path: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, f"{api}{path}", json=body, headers=headers, timeout=TIMEOUT)

    wish = {"tid": NORTHWIND, "people": 1, "reason": f"Because: {typed_in}"}
    ends_at = (world.clock() + timedelta(days=1)).isoformat()
    assert call("POST", "/exceptions", {**wish, "ends_at": ends_at}).status_code == 201
    for method, path, body in (
        ("POST", "/exceptions", {**wish, "ends_at": typed_in}),
        ("POST", "/exceptions", {typed_in: typed_in}),
        ("POST", "/invitations", {"email": f"{typed_in}-4@x.example"}),
        ("POST", "/invitations", {"email": f"{typed_in}@@"}),
        ("PATCH", "", {"name": f"{typed_in}\0"}),
        ("PUT", "/rule", {**as_json(NOTHING_MORE), "strength": typed_in}),
        ("POST", "/tenants", {"provider": typed_in, "tid": typed_in, "name": typed_in}),
        ("GET", f"/members?{typed_in}={typed_in}", None),
        ("GET", f"/members/{typed_in}", None),
        *(("GET", path, None) for path in ("/members", "/exceptions", "/invitations", "/changes", "/tenants")),
    ):
        assert call(method, path, body).status_code < 500


def _page(own: Organization) -> str:
    return f"/organizations/{own.id}"


def _id_in(response: requests.Response) -> str:
    assert response.status_code == 303, response.text
    return response.headers["Location"].partition("?")[0].rpartition("/")[2]
