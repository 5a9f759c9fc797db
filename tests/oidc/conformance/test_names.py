"""Every module that a plan has is there, once, and none that no plan has."""

from tests.oidc.conformance import basic, basic_reuse, test_config, test_fapi2, test_logout
from tests.oidc.conformance.names import BACKCHANNEL_LOGOUT, BASIC, CONFIG, FAPI2, RP_INITIATED_LOGOUT

PLANS = {
    "Basic OP and Form Post OP": (BASIC, (basic.module, basic_reuse.module)),
    "Config OP": (CONFIG, (test_config.module,)),
    "RP-Initiated and Back-Channel Logout OP": ((*RP_INITIATED_LOGOUT, *BACKCHANNEL_LOGOUT), (test_logout.module,)),
    "FAPI 2.0 Security Profile": (FAPI2, test_fapi2.ROOMS),
}


def test_each_module_of_each_plan_has_one_function() -> None:
    for plan, (names, rooms) in PLANS.items():
        written = [name for room in rooms for name in room.names]
        assert sorted(written) == sorted(names), plan


def test_the_plans_have_as_many_modules_as_the_suite() -> None:
    assert [len(plan) for plan in (BASIC, CONFIG, RP_INITIATED_LOGOUT, BACKCHANNEL_LOGOUT, FAPI2)] == [38, 1, 11, 2, 58]
