"""Which tests coverage is measured of. Measuring doubles what a test costs, and most of what runs here runs again.

What is listed runs the whole broker, or the same few lines over and over, to show what no line could: those lines are
measured where they are tested by themselves. A line that only such a test reaches counts as not covered. So the figure
may be too low and is never too high.
"""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from coverage import Coverage

UNMEASURED = (
    # With a browser, or another program, at the other end.
    "browser/",
    "clients/",
    "demo/test_demo.py::test_when_a_part_ends",
    "docs/",
    "oidc/logout/test_in_browser.py",
    "web/test_pages_in_browser.py",
    # By the hundred or thousand: generated examples, parallel requests, one flow for each row of a table.
    "claims/test_judging_properties.py",
    "claims/test_reading.py",
    "migrations/claiming/test_crash.py",
    "migrations/conversion/test_crash.py",
    "migrations/importing/test_interrupted.py",
    "oidc/conformance/test_basic.py",
    "oidc/conformance/test_form_post.py",
    "oidc/conformance/test_logout.py",
    "oidc/test_fuzz.py",
    "oidc/test_openapi.py",
    "oidc/test_races.py::test_of_fifty_parallel_uses_of_anything_that_is_good_once_one_succeeds[postgresql",
    "oidc/test_rotation.py",
    "providers/microsoft/test_attacks.py::test_t4_t9_t11",
    "providers/test_conformance.py",
    "providers/test_id_token.py::TestProperties",
    "reliability/test_killed.py",
    "reliability/test_malformed.py",
    "security/table/test_table.py",
    "security/test_admin_matrix.py",
    "security/test_canaries.py",
    "security/test_canaries_old_world.py",
    "security/test_old_world_takeovers.py::test_t1_a_legacy_password_opens_no_session",
    "security/test_prefetchers.py",
    "security/test_t2_evidence.py",
    "security/test_stolen_cookie.py",
    "security/test_t4_organizations.py",
    "security/test_t4_scope.py",
    "security/test_t5_tenants.py",
    "security/test_t6_redirect_uri.py",
    "security/test_t9_jose.py",
    "signin/test_matrix.py",
)

_HERE = Path(__file__).parent
# By this variable coverage tells child processes to measure themselves.
_CHILDREN = "COVERAGE_PROCESS_CONFIG"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure nothing while a listed test runs, its fixtures and its child processes included."""
    if not _is_listed(item):
        return (yield)
    # In a worker of xdist more than one measures: below that of pytest-cov another takes over.
    paused: list[Coverage] = []
    while (measuring := Coverage.current()) is not None:
        measuring.stop()
        paused.append(measuring)
    children = os.environ.pop(_CHILDREN, None)
    try:
        return (yield)
    finally:
        for each in reversed(paused):
            each.start()
        if children is not None:
            os.environ[_CHILDREN] = children


def _is_listed(item: pytest.Item) -> bool:
    if not item.path.is_relative_to(_HERE):
        return False
    path = item.path.relative_to(_HERE).as_posix()
    _, _, name = item.nodeid.partition("::")
    return f"{path}::{name}".startswith(UNMEASURED)
