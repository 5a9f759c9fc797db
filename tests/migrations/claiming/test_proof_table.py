"""It must show 2: every subset of the three proofs, in every order, and each one spoilt: only the full set links."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations, permutations

import pytest
from sqlalchemy import func, select

from broker.accounts.model import registry_accounts
from broker.accounts.organizations.capabilities import Denied
from broker.accounts.visit import SignInFirst
from broker.events.model import security_events
from claims.evidence import Binding, Strength
from migrations.accounts.cases import Case
from migrations.accounts.claiming.service import AttemptOver, NotProven
from migrations.accounts.effects import TooLate
from migrations.accounts.model import cases
from migrations.accounts.proofs import LIFETIME, Attempt
from migrations.accounts.records import State
from tests.accounts.organizations.rooms import SignIn, evidence
from tests.migrations.claiming.rooms import ClaimRoom

PASSWORD, MAILBOX, SIGN_IN = "password", "mailbox", "sign-in"
PROOFS = (PASSWORD, MAILBOX, SIGN_IN)


class Gone(Exception):
    """The page has no attempt of this browser."""


@dataclass(kw_only=True)
class Browser:
    """A browser as far as a claim goes: its cookie, and the session in it."""

    cookie: str
    session: SignIn | None = None


@dataclass(kw_only=True)
class Try:
    """An attempt at account 42. ``of`` says in which browser each proof is given, if not in the first."""

    room: ClaimRoom
    attempt: Attempt
    first: Browser
    other: Browser
    of: dict[str, str] = field(default_factory=dict)

    def give(self, proof: str) -> None:
        browser = self.other if self.of.get(proof) == "other" else self.first
        if proof == PASSWORD:
            attempt = self.find(browser)
            if attempt is not None:
                self.room.password(attempt)
        elif proof == MAILBOX:
            self.room.follow(self.room.mail(self.attempt), browser.cookie)
        else:
            browser.session = self.room.somebody()

    def find(self, browser: Browser) -> Attempt | None:
        return self.room.attempts.find(self.attempt.id, browser.cookie, self.room.now)

    def finish(self, browser: Browser | None = None) -> Case:
        """Finish as the page does. Raises what it answers with a refusal."""
        here = browser or self.first
        attempt = self.find(here)
        if attempt is None:
            raise Gone
        if here.session is None:
            raise SignInFirst
        return self.room.finish(attempt, here.session)


REFUSED = (NotProven, AttemptOver, TooLate, Denied, SignInFirst, Gone)


def trying(room: ClaimRoom, **of: str) -> Try:
    room.password_account()
    return Try(
        room=room,
        attempt=room.attempt(),
        first=Browser(cookie=room.browser),
        other=Browser(cookie=room.other_browser),
        of={name.replace("_", "-"): where for name, where in of.items()},
    )


def linked(room: ClaimRoom) -> bool:
    """Return whether anything of a claim has come about; all of it has, or nothing."""
    with room.database.read() as connection:
        counts = {
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (registry_accounts, security_events, cases)
        }
    (count,) = counts
    assert (room.get().state is not State.PENDING) == bool(count)
    return bool(count)


ORDERS = [order for count in range(4) for some in combinations(PROOFS, count) for order in permutations(some)]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "-then-".join(order) or "nothing")
def test_t1_only_the_full_set_links_in_whatever_order_it_is_given(room: ClaimRoom, order: tuple[str, ...]) -> None:
    this = trying(room)
    for number, proof in enumerate(order):
        if number < 3:
            with pytest.raises(REFUSED):
                this.finish()
            assert not linked(room)
        this.give(proof)
    if len(order) == 3:
        case = this.finish()
        assert this.first.session is not None
        assert case.account_id == this.first.session.account_id
        assert room.carried(case.account_id) == ["42"]
    else:
        with pytest.raises(REFUSED):
            this.finish()
    assert linked(room) == (len(order) == 3)


@pytest.mark.parametrize("order", list(permutations(PROOFS)), ids="-then-".join)
@pytest.mark.parametrize("elsewhere", PROOFS)
def test_t10_a_proof_from_another_browser_is_none_of_the_attempt(
    room: ClaimRoom, elsewhere: str, order: tuple[str, ...]
) -> None:
    this = trying(room, **{elsewhere.replace("-", "_"): "other"})
    for proof in order:
        this.give(proof)
    for browser in (this.first, this.other):
        with pytest.raises(REFUSED):
            this.finish(browser)
    assert not linked(room)


@pytest.mark.parametrize(
    "early", [some for count in (1, 2, 3) for some in combinations(PROOFS, count)], ids="-and-".join
)
def test_t1_proofs_expire_with_their_attempt_and_none_of_them_serves_another(
    room: ClaimRoom, early: tuple[str, ...]
) -> None:
    this = trying(room)
    for proof in early:
        this.give(proof)
    room.now += LIFETIME
    for proof in PROOFS:
        if proof not in early and proof != MAILBOX:
            this.give(proof)
    with pytest.raises(REFUSED):
        this.finish()
    # A new attempt begins with nothing, in the same browser too.
    again = Try(room=room, attempt=room.attempt(), first=this.first, other=this.other)
    again.give(SIGN_IN)
    with pytest.raises(NotProven):
        again.finish()
    assert not linked(room)


def test_t1_a_link_of_an_attempt_that_is_over_proves_nothing(room: ClaimRoom) -> None:
    this = trying(room)
    token = room.mail(this.attempt)
    this.give(PASSWORD)
    room.now += LIFETIME - timedelta(seconds=1)
    assert room.follow(token) is not None
    this = Try(room=room, attempt=room.attempt(), first=this.first, other=this.other)
    late = room.mail(this.attempt)
    room.now += LIFETIME
    assert room.follow(late) is None


def test_t7_what_is_finished_is_finished_and_its_link_proves_nothing_again(room: ClaimRoom) -> None:
    this = trying(room)
    token = room.mail(this.attempt)
    assert room.follow(token) is not None
    assert room.follow(token) is None, "once"
    this.give(PASSWORD)
    this.give(SIGN_IN)
    this.finish()
    with pytest.raises(Gone):
        this.finish()
    with pytest.raises(NotProven):
        room.finish(this.attempt, room.somebody("again"))
    second = Try(room=room, attempt=room.attempt(), first=this.first, other=this.other)
    assert room.follow(token) is None, "not for another attempt either"
    second.give(PASSWORD)
    with pytest.raises(NotProven):
        second.finish()
    with room.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(cases)).scalar_one() == 1


def _old(session: SignIn) -> SignIn:
    aged = tuple(
        replace(each, observed_at=each.observed_at - timedelta(minutes=10, seconds=1))
        for each in session.authentication.evidence
    )
    return session.with_evidence(*aged)


SPOILT: dict[str, Callable[[SignIn], SignIn]] = {
    "older than ten minutes": _old,
    "without any evidence": lambda session: session.with_evidence(),
    "with one factor": lambda session: session.with_evidence(evidence(Strength.SINGLE, values=("pwd",))),
    "of another account": lambda session: replace(session, account_id="somebody-else"),
    "by an identity that was unlinked": lambda session: replace(session, identity_id="gone"),
    "at a provider that was switched off": lambda session: replace(session, provider_id="off"),
    "through a tenant that nobody admits": lambda session: session.by_tenant("9" * 36),
}


@pytest.mark.parametrize("how", SPOILT)
def test_t1_a_sign_in_that_is_worth_less_links_nothing(room: ClaimRoom, how: str) -> None:
    this = trying(room)
    this.give(PASSWORD)
    this.give(MAILBOX)
    good = room.somebody()
    this.first.session = SPOILT[how](good)
    with pytest.raises(Denied):
        this.finish()
    assert not linked(room)
    this.first.session = good
    this.finish()
    assert linked(room), "the proofs were not used up by what was refused"


def test_t1_an_exception_from_mfa_claims_nothing(room: ClaimRoom) -> None:
    this = trying(room)
    this.give(PASSWORD)
    this.give(MAILBOX)
    founder, member = room.person("founder"), room.somebody("member")
    organization = room.organization(founder)
    room.join(organization, member.account_id)
    room.excuse(organization, member.account_id)
    this.first.session = member.with_evidence(evidence(Strength.SINGLE, values=("pwd",)))
    with pytest.raises(Denied):
        this.finish()
    assert not linked(room)


def test_t1_a_setting_of_the_account_is_proof_where_policy_says_that_it_is(room: ClaimRoom) -> None:
    this = trying(room)
    this.give(PASSWORD)
    this.give(MAILBOX)
    this.first.session = room.somebody().with_evidence(evidence(binding=Binding.ACCOUNT_STATE))
    this.finish()
    assert linked(room)
