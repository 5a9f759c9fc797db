"""oidcc-basic-certification-test-plan: Basic OP."""

import pytest

from tests.oidc.conformance import basic, basic_reuse
from tests.oidc.conformance.names import BASIC
from tests.oidc.conformance.op import Suite


def run(name: str, suite: Suite) -> None:
    (basic.module if name in basic.module.names else basic_reuse.module).run(name, suite)


@pytest.mark.parametrize("name", BASIC)
def test_module(name: str, suite: Suite) -> None:
    run(name, suite)
