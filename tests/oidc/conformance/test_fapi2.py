"""fapi2-security-profile-final-test-plan: FAPI 2.0 Security Profile, with private_key_jwt and DPoP."""

import pytest

from tests.oidc.conformance import fapi_flow, fapi_keys, fapi_tokens
from tests.oidc.conformance.names import FAPI2
from tests.oidc.conformance.op import Suite

ROOMS = (fapi_flow.module, fapi_keys.module, fapi_tokens.module)


@pytest.mark.parametrize("name", FAPI2)
def test_module(name: str, suite: Suite) -> None:
    next((room for room in ROOMS if name in room.names), ROOMS[0]).run(name, suite)
