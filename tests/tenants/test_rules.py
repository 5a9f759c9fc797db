"""What rules are, for any rules at all: the strictest of several is met by what meets them all, and by nothing else."""

import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from broker.accounts.organizations.belonging import Belongings
from broker.settings import PolicySettings
from broker.signin.policy import Policy
from broker.tenants.admission import Admission
from broker.tenants.rules import (
    NOTHING_MORE,
    OF_A_NEW_TENANT,
    Rule,
    as_json,
    changed,
    dump,
    load,
    loosened,
    strictest,
    tighten,
)
from claims.decision import Requirement, decide
from claims.evidence import Authentication, Binding, Strength
from tests.accounts.organizations.rooms import OTHER_TID, TID, SignIn
from tests.claims.samples import NOW, authentications, thorough

PROVIDERS = ("entra", "github", "oidc")
spans = st.none() | st.integers(0, 100_000).map(lambda seconds: timedelta(seconds=seconds))

rules = st.builds(
    Rule,
    strength=st.none() | st.sampled_from(Strength),
    bindings=st.none() | st.frozensets(st.sampled_from(Binding)),
    max_age=spans,
    session_length=spans,
    guests=st.booleans(),
    providers=st.none() | st.frozensets(st.sampled_from(PROVIDERS)),
    tenants=st.none() | st.frozensets(st.sampled_from((TID, OTHER_TID))),
)
sign_ins = st.builds(
    SignIn,
    account_id=st.just("ada"),
    provider_id=st.sampled_from(PROVIDERS),
    tenant=st.sampled_from(("", TID, OTHER_TID)),
    guest=st.booleans(),
    signed_in_at=st.integers(0, 100_000).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    authentication=authentications,
)
requirements = st.builds(
    Requirement,
    strength=st.sampled_from(Strength),
    bindings=st.frozensets(st.sampled_from(Binding)),
    max_age=spans,
)


class AnyContext(Admission):
    """Whatever is said counts: what is judged here is the rule."""

    def counted(self, authentication: Authentication) -> Authentication:
        return authentication


def meets(came: SignIn, rule: Rule) -> bool:
    policy = Policy(PolicySettings())
    admission = AnyContext(tid="", organization_id="", rule=NOTHING_MORE, guests=True, contexts=(), by_operator=())
    belongings = Belongings(policy, None, None)  # type: ignore[arg-type]  # a judgement looks nothing up
    return belongings.judge(came, rule, admission, (), NOW).met


@thorough
@given(one=rules, other=rules, third=rules)
def test_the_strictest_is_the_same_in_any_order_and_however_often(one: Rule, other: Rule, third: Rule) -> None:
    assert strictest((one, other)) == strictest((other, one))
    assert strictest((strictest((one, other)), third)) == strictest((one, strictest((other, third))))
    assert strictest((one, one)) == strictest((one, NOTHING_MORE)) == one
    assert strictest(()) == NOTHING_MORE


@thorough
@given(one=rules, other=rules, came=sign_ins)
def test_t1_what_meets_the_strictest_meets_each_and_nothing_else_does(one: Rule, other: Rule, came: SignIn) -> None:
    assert meets(came, strictest((one, other))) == (meets(came, one) and meets(came, other))


@thorough
@given(requirement=requirements, one=rules, other=rules, said=authentications)
def test_t1_a_requirement_tightened_by_the_strictest_asks_what_each_asks(
    requirement: Requirement, one: Rule, other: Rule, said: Authentication
) -> None:
    both = tighten(requirement, strictest((one, other)))
    assert both == tighten(tighten(requirement, one), other)
    if decide(both, said, NOW).satisfied:
        for rule in (one, other, NOTHING_MORE):
            assert decide(tighten(requirement, rule), said, NOW).satisfied


@thorough
@given(old=rules, new=rules, came=sign_ins)
def test_t1_what_a_rule_that_loosens_nothing_lets_pass_passed_before(old: Rule, new: Rule, came: SignIn) -> None:
    for stricter in (new, strictest((old, new))):
        assert (loosened(old, stricter) == frozenset()) == (strictest((old, stricter)) == stricter)
        if not loosened(old, stricter) and meets(came, stricter):
            assert meets(came, old)


@thorough
@given(old=rules, new=rules)
def test_what_is_loosened_is_among_what_is_changed(old: Rule, new: Rule) -> None:
    assert loosened(old, new) <= changed(old, new) == changed(new, old)
    assert changed(old, new) <= loosened(old, new) | loosened(new, old)
    assert loosened(old, old) == changed(old, old) == frozenset()
    assert loosened(old, strictest((old, new))) == frozenset()
    assert loosened(NOTHING_MORE, new) == frozenset()


@thorough
@given(rule=rules)
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    assert load(dump(rule)) == rule
    assert json.loads(dump(rule)) == as_json(rule)


def test_a_new_tenant_admits_no_guests_and_asks_for_nothing_more() -> None:
    assert changed(NOTHING_MORE, OF_A_NEW_TENANT) == {"guests"}
    assert loosened(OF_A_NEW_TENANT, NOTHING_MORE) == {"guests"}
