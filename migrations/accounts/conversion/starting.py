"""The page on which a conversion starts."""

from collections.abc import Mapping

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from broker.accounts.organizations.capabilities import FreshPerson
from broker.accounts.visit import SignInFirst
from broker.limits.errors import TooMany, in_words
from broker.web.errors import BrokerError
from claims.profile import Profile
from migrations.accounts.admins import comes_from
from migrations.accounts.conversion import form, preview
from migrations.accounts.conversion.form import BadInput, Typed, place
from migrations.accounts.conversion.service import MissingProofs, WrongTenant
from migrations.accounts.conversion.visit import ConversionPages, case_page, is_fresh, proven_in, tenant
from migrations.accounts.proofs import LIFETIME, Attempt, Proof
from migrations.accounts.records import LegacyAccount
from migrations.accounts.visit import attempt_of, attempt_over, fresh_person_of, person_of, sign_in

_TOO_MANY_MAILS = "Too many mails were asked for, for this account. Wait {wait}."
_NOTHING: Mapping[str, str] = {}


def show(pages: ConversionPages, attempt_id: str) -> ResponseReturnValue:
    """GET /convert/<attempt>: what will happen, and the form that starts it. What is missing, where proofs are."""
    return _form(pages, attempt_of(pages.base, attempt_id), _draft(pages, attempt_id))


def start(pages: ConversionPages, attempt_id: str) -> ResponseReturnValue:
    """POST /convert/<attempt>: it waits from now on, for its admins and for objections."""
    base, attempt = pages.base, attempt_of(pages.base, attempt_id)
    typed = _typed()
    try:
        with base.database.begin() as connection:
            person = _fresh_or_kept(pages, connection, attempt, typed)
            if proven_in(pages, connection, attempt) == frozenset(Proof):
                base.effects.ledger.held(connection, attempt.registry_id)
            # As they hold now that nobody else changes the account: an import may have, since they were given.
            proven = proven_in(pages, connection, attempt)
            case = pages.conversions.start(connection, person, attempt.registry_id, proven, typed, base.mail_limit.room)
            # Last: whoever takes the attempt has started it, and nobody else has.
            if not base.store.commit(take=base.attempts.keys(attempt), delete=[pages.drafts.key(attempt.id)]):
                raise attempt_over()
    except (MissingProofs, WrongTenant):
        return _form(pages, attempt, typed), 403
    except BadInput as bad:
        return _form(pages, attempt, typed, bad.problems), bad.status
    except TooMany as error:
        problem = _TOO_MANY_MAILS.format(wait=in_words(error.wait))
        return _form(pages, attempt, typed, {place(0): problem}), 429, {"Retry-After": str(error.wait)}
    return redirect(f"{case_page(case.id)}?notice=started", code=303)


def _form(pages: ConversionPages, attempt: Attempt, typed: Typed | None, problems: Mapping[str, str] = _NOTHING) -> str:
    base, here = pages.base, f"/convert/{attempt.id}"
    with base.database.read() as connection:
        proven = proven_in(pages, connection, attempt)
        try:
            legacy = pages.conversions.open_to(connection, attempt.registry_id, proven)
        except MissingProofs:
            # Whether a password was right is told only to whoever reads the mailbox.
            return render_template(
                "migration/conversion_missing.html",
                mailbox=Proof.MAILBOX in proven,
                password=Proof.MAILBOX in proven and Proof.PASSWORD in proven,
                back=f"/claim/{attempt.id}",
            )
        person = person_of(base, connection)
        profile = base.accounts.person(connection, person.account_id)
        fields = _filled(typed or _first(profile, legacy))
        return render_template(
            "migration/conversion_start.html",
            registry=base.registry,
            preview=preview.of(legacy),
            tenant=tenant(connection, legacy),
            comes_from=comes_from(connection, legacy, person.proven),
            person=profile,
            here=here,
            back=f"/claim/{attempt.id}",
            sign_in=sign_in(here),
            fresh=is_fresh(pages, connection, here),
            typed=fields,
            fewest=form.FEWEST,
            most=form.MOST,
            more_open=any(fields[each] or each in problems for each in map(place, range(form.FEWEST, form.MOST))),
            problems=problems,
        )


def _typed() -> Typed:
    admins = (request.form.get(place(number), "").strip()[:320] for number in range(form.MOST))
    return Typed(organization=request.form.get(form.NAME, "")[:320], admins=tuple(admins))


def _filled(typed: Typed) -> Mapping[str, str]:
    """Return what stands in each field."""
    admins = [*typed.admins, *[""] * form.MOST][: form.MOST]
    return {form.NAME: typed.organization, **{place(number): each for number, each in enumerate(admins)}}


def _first(profile: Profile, legacy: LegacyAccount) -> Typed:
    """Return a form that has whoever starts it as the first admin, if their address could be one."""
    own = profile.email if profile.email_verified else None
    is_shared = own is not None and form.mailbox_of(own) == form.mailbox_of(str(legacy.mailbox))
    return Typed(admins=() if own is None or is_shared else (own,))


def _draft(pages: ConversionPages, attempt_id: str) -> Typed | None:
    record = pages.drafts.get(attempt_id)
    if record is None:
        return None
    admins = record["admins"]
    return Typed(organization=str(record["organization"]), admins=tuple(admins) if isinstance(admins, list) else ())


def _fresh_or_kept(pages: ConversionPages, connection: Connection, attempt: Attempt, typed: Typed) -> FreshPerson:
    """Return whoever just signed in; of anybody else, keep what they typed until they have."""
    try:
        return fresh_person_of(pages.base, connection, f"/convert/{attempt.id}")
    except (BrokerError, SignInFirst):
        draft = {"organization": typed.organization, "admins": list(typed.admins)}
        pages.drafts.put(attempt.id, draft, int(LIFETIME.total_seconds()))
        raise
