"""The account page: what we keep of a person, their ways to sign in, their sessions."""

import json
from collections.abc import Mapping

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts import changes
from broker.accounts.carried import carried_by
from broker.accounts.service import AccountClosed
from broker.accounts.visit import AccountPages, SignInFirst, Visit, visit_of
from broker.signin.sessions import Session
from broker.web import routes
from broker.web.texts import proof_sentence
from claims.decision import Purpose, decide
from claims.evidence import dump

NOTICES = {
    "linked": "Linked. You can sign in with it from now on.",
    "unlinked": "Unlinked. Its sessions have ended.",
    "name": "Your name is saved.",
    "email": "We have sent a link to the new address. The change takes effect when you follow it.",
    "offer": "Done.",
    "ended": "Ended.",
    "withdrawn": "Taken back. Its access has ended.",
}


def blueprint(pages: AccountPages) -> Blueprint:
    """Return the account pages."""
    rooms = routes.blueprint(
        "accounts",
        pages,
        (
            ("GET", "/", home),
            ("GET", "/account", account),
            ("GET", "/account/data.json", download),
            ("POST", "/account/name", changes.rename),
            ("POST", "/account/email", changes.request_email),
            ("GET", "/account/email/confirm", changes.show_email_link),
            ("POST", "/account/email/confirm", changes.confirm_email),
            ("POST", "/account/offer", changes.answer_offer),
            ("POST", "/account/link/<provider_id>", changes.link),
            ("POST", "/account/unlink/<identity_id>", changes.unlink),
            ("POST", "/account/registries/withdraw", changes.withdraw),
            ("POST", "/account/sessions/<sid>/end", changes.end_session),
            ("POST", "/account/sessions/end-others", changes.end_other_sessions),
            ("POST", "/account/sign-out-everywhere", changes.sign_out_everywhere),
            ("GET", "/account/erase", changes.ask_to_erase),
            ("POST", "/account/erase", changes.erase),
        ),
    )
    for closed in (SignInFirst, AccountClosed):
        rooms.register_error_handler(closed, lambda _: redirect("/signin", code=303))
    return rooms


def home(pages: AccountPages) -> ResponseReturnValue:
    """GET /."""
    session = pages.sessions.find(pages.browser.session_cookie(), pages.clock())
    return render_template("home.html", signed_in=session is not None, has_old_world=pages.has_old_world)


def account(pages: AccountPages) -> ResponseReturnValue:
    """GET /account."""
    visit = visit_of(pages)
    account_id, offer = visit.session.account_id, visit.session.offer
    with pages.database.read() as connection:
        linked = pages.accounts.identities(connection, account_id)
        pending = pages.emails.pending(connection, account_id, visit.now)
        organizations = _organizations(pages, connection, visit)
        registry_accounts = carried_by(connection, account_id)
    return render_template(
        "account.html",
        person=visit.person,
        account_id=account_id,
        identities=[
            {
                "id": each.id,
                "provider_name": _name(pages, each.provider_id),
                "kind": _kind(pages, each.provider_id),
                "linked_at": each.linked_at,
                "can_unlink": len(linked) > 1,
            }
            for each in linked
        ],
        linkable=[{"id": each.id, "name": each.name, "kind": each.kind} for each in pages.gate.usable(visit.now)],
        sessions=[_shown(pages, each, visit) for each in pages.sessions.of_account(account_id, visit.now)],
        registries=pages.registries.of_account(account_id, visit.now),
        organizations=organizations,
        registry_accounts=registry_accounts,
        has_old_world=pages.has_old_world,
        offer={"name": offer.name, "email": offer.email} if offer else None,
        pending_email=pending,
        notice=NOTICES.get(request.args.get("notice", "")),
        fresh=visit.fresh,
    )


def download(pages: AccountPages) -> ResponseReturnValue:
    """GET /account/data.json: all we keep, and the sessions."""
    visit = visit_of(pages)
    account_id = visit.session.account_id
    with pages.database.read() as connection:
        kept = pages.accounts.export(connection, account_id)
        organizations = _organizations(pages, connection, visit)
        last_sign_in = _last_sign_in(pages, connection, account_id)
        left = pages.organizations.left_by(connection, account_id)
    sessions = [
        {
            "provider": each.provider_id,
            "started_at": each.started_at.isoformat(),
            "expires_at": each.expires_at.isoformat(),
        }
        for each in pages.sessions.of_account(account_id, visit.now)
    ]
    registries = [
        {
            "client_id": each.client_id,
            "name": each.name,
            "may": list(each.knows),
            "since": each.since.isoformat(),
            "offline_until": each.offline_until.isoformat() if each.offline_until else None,
        }
        for each in pages.registries.of_account(account_id, visit.now)
    ]
    whole = {
        **kept,
        "organizations": organizations,
        "former_organizations": [{"id": each, "left_at": left_at.isoformat()} for each, left_at in left],
        "last_sign_in": last_sign_in,
        "sessions": sessions,
        "registries": registries,
    }
    body = json.dumps(whole, indent=2, ensure_ascii=False)
    headers = {"Content-Disposition": 'attachment; filename="vestibule-account.json"'}
    return Response(body, mimetype="application/json", headers=headers)


def _last_sign_in(pages: AccountPages, connection: Connection, account_id: str) -> Mapping[str, object] | None:
    """Return how a member of an organisation signed in last: of nobody else is it kept."""
    last = pages.last_sign_ins.of(connection, [account_id]).get(account_id)
    if last is None:
        return None
    return {
        "at": last.signed_in_at.isoformat(),
        "provider": last.provider_id,
        "tenant": last.tenant or None,
        "guest": last.guest,
        **dump(last.authentication),
    }


def _organizations(pages: AccountPages, connection: Connection, visit: Visit) -> list[Mapping[str, object]]:
    """Return where the visitor belongs; a membership is suspended while the sign-in does not meet the rules."""
    return [
        {
            "id": each.organization_id,
            "name": pages.organizations.get(connection, each.organization_id).name,
            "role": each.role.value,
            "suspended": not each.standing.met,
        }
        for each in pages.belongings.of(connection, visit.session, visit.now)
    ]


def _shown(pages: AccountPages, session: Session, visit: Visit) -> Mapping[str, object]:
    requirement = pages.policy.requirement(Purpose.SESSION, visit.now)
    verdict = decide(requirement, session.authentication, visit.now)
    name = _name(pages, session.provider_id)
    return {
        "id": session.sid,
        "current": session.sid == visit.session.sid,
        "started_at": session.started_at,
        "expires_at": session.expires_at,
        "provider_name": name,
        "proof": proof_sentence(verdict, name),
    }


# A provider that is configured no more still has its id, and people still have identities there.


def _name(pages: AccountPages, provider_id: str) -> str:
    provider = pages.gate.providers.get(provider_id)
    return provider.name if provider else provider_id


def _kind(pages: AccountPages, provider_id: str) -> str:
    provider = pages.gate.providers.get(provider_id)
    return provider.kind if provider else "oidc"
