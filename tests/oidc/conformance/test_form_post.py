"""oidcc-formpost-basic-certification-test-plan: Form Post OP, which is Basic OP with ``response_mode=form_post``."""

import pytest

from tests.oidc.conformance.names import BASIC
from tests.oidc.conformance.op import Suite
from tests.oidc.conformance.test_basic import run


@pytest.mark.parametrize("name", BASIC)
def test_module(name: str, suite: Suite) -> None:
    run(name, suite.with_form_post())
