"""The pages where a person says whether a device may come in (RFC 8628 section 3.3)."""

from datetime import datetime

from flask import Blueprint, abort, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from broker.oidc.consent.words import words_for
from broker.oidc.device.goal import path_of
from broker.oidc.device.pages import DevicePages, Waiting, confirming, over, tried, visitor_of
from broker.oidc.device.user_codes import read_user_code, shown
from broker.oidc.grant import consent_scopes
from broker.signin.transactions import Goal
from broker.storage.sealed import digest
from broker.web import routes

NOT_A_CODE = "A code has eight letters, such as WDJB-MJHT. Look again at what your device shows."
NOT_KNOWN = "This code is not known, or has expired. Type it as your device shows it, or start again there."


def blueprint(pages: DevicePages) -> Blueprint:
    """Return the pages."""
    return routes.blueprint(
        "device",
        pages,
        (
            ("GET", "/device", form),
            ("POST", "/device", enter),
            ("GET", "/device/confirm/<handle>", confirm),
            ("POST", "/device/confirm/<handle>", answer),
            ("GET", "/device/confirm/<handle>/another", another),
        ),
    )


def form(pages: DevicePages) -> ResponseReturnValue:
    """GET /device: where a code is typed. One that came with the link is filled in, and no more."""
    return _form(pages, read_user_code(request.args.get("user_code", "")))


def enter(pages: DevicePages) -> ResponseReturnValue:
    """POST /device: a code, right or wrong."""
    now, browser = pages.clock(), pages.browser.token()
    user_code = read_user_code(request.form.get("user_code", ""))
    if user_code is None:
        return _form(pages, None, NOT_A_CODE)
    found = tried(pages, user_code, browser, now)
    if found is None:
        return _form(pages, user_code, NOT_KNOWN)
    visitor = visitor_of(pages, found.client, now)
    if visitor is None:
        return _sign_in(pages, found, now)
    handle = pages.confirmations.begin(user_code, session=visitor.session.key, browser=digest(browser))
    response = redirect(path_of(handle), code=303)
    pages.browser.remember(response, browser)
    return response


def confirm(pages: DevicePages, handle: str) -> ResponseReturnValue:
    """GET /device/confirm/<handle>: which device, and what it will be able to do."""
    now = pages.clock()
    confirmation, found = confirming(pages, handle, now)
    visitor = visitor_of(pages, found.client, now)
    if visitor is None or visitor.session.key != confirmation.session:
        return _sign_in(pages, found, now)
    return render_template(
        "device_confirm.html",
        client_name=found.client.name,
        user_code=shown(found.request.user_code),
        asked_at=found.request.asked_at,
        wants=[words_for(each) for each in _consented(found)],
        person=visitor.person,
        account_id=visitor.session.account_id,
        action=path_of(handle),
    )


def answer(pages: DevicePages, handle: str) -> ResponseReturnValue:
    """POST /device/confirm/<handle>: ``answer`` is allow or deny."""
    answers = {"allow": _allow, "deny": _deny}
    chosen = answers.get(request.form.get("answer", ""))
    if chosen is None:
        abort(400)
    return chosen(pages, handle)


def another(pages: DevicePages, handle: str) -> ResponseReturnValue:
    """GET /device/confirm/<handle>/another: sign in as somebody else, and be asked then."""
    now = pages.clock()
    _, found = confirming(pages, handle, now)
    return _sign_in(pages, found, now, select_account=True)


def _allow(pages: DevicePages, handle: str) -> ResponseReturnValue:
    now = pages.clock()
    confirmation, found = confirming(pages, handle, now)
    # The proof has aged, and the client's rule may have changed, while the page was open.
    visitor = visitor_of(pages, found.client, now)
    if visitor is None or visitor.session.key != confirmation.session:
        return _sign_in(pages, found, now)
    account_id, client_id = visitor.session.account_id, found.client.client_id
    with pages.database.begin() as connection:
        if not found.client.first_party:
            pages.consents.give(connection, account_id, client_id, _consented(found), now)
        pages.audit.record(
            connection,
            action="device.approved",
            account_id=account_id,
            client_id=client_id,
            provider_id=visitor.session.provider_id,
            now=now,
        )
        # Last, and in one step: a second answer finds the question gone, and the database forgets this one.
        approved = pages.devices.approve(
            found.request,
            visitor.session,
            unchanged=pages.sessions.unchanged(visitor.cookie, visitor.session, now),
            confirmation=confirmation.key,
            sector=found.client.sector,
            now=now,
        )
        if not approved:
            raise over("decided on already, or the session ended")
    return render_template(
        "message.html",
        title="Your device is being signed in",
        sentence="It may take a few seconds until it notices.",
        steps=("Go back to your device. You can close this page.",),
        link=None,
    )


def _deny(pages: DevicePages, handle: str) -> ResponseReturnValue:
    """Turn the device away: whoever was asked may, even where their session has ended meanwhile."""
    now = pages.clock()
    confirmation, found = confirming(pages, handle, now)
    session = pages.sessions.find(pages.browser.session_cookie(), now)
    with pages.database.begin() as connection:
        pages.audit.record(
            connection,
            action="device.denied",
            account_id=session.account_id if session is not None else None,
            client_id=found.client.client_id,
            provider_id=session.provider_id if session is not None else None,
            now=now,
        )
        if not pages.devices.deny(found.request, confirmation=confirmation.key, now=now):
            raise over("decided on already")
    return render_template(
        "message.html",
        title="The device was turned away",
        sentence="It is not signed in, and its code is worth nothing any more.",
        steps=("If somebody sent you that code, tell the people who run the registry.",),
        link=None,
    )


def _form(pages: DevicePages, user_code: str | None, problem: str | None = None) -> ResponseReturnValue:
    page = render_template("device.html", user_code=shown(user_code) if user_code else "", problem=problem)
    response = make_response(page, 200 if problem is None else 400)
    pages.browser.remember(response, pages.browser.token())
    return response


def _sign_in(pages: DevicePages, found: Waiting, now: datetime, *, select_account: bool = False) -> ResponseReturnValue:
    browser = pages.browser.token()
    payload = pages.goal.payload(found.client, found.request.user_code, select_account=select_account)
    transaction = pages.transactions.begin(Goal.DEVICE, payload, browser, now)
    response = redirect(pages.browser.entrance(transaction.id), code=303)
    pages.browser.remember(response, browser)
    return response


def _consented(found: Waiting) -> tuple[str, ...]:
    """Return what allowing consents to: what the client's ID tokens always tell is part of it."""
    return consent_scopes(found.request.scope, found.client.id_token_claims, found.request.resources)
