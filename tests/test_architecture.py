"""The house stands as the design draws it: imports point downwards, and claims needs nothing but Python."""

import subprocess
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]


def test_imports_point_downwards_and_rooms_keep_their_tables_to_themselves() -> None:
    linted = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout
    assert " 0 broken" in linted.stdout


def test_claims_imports_the_standard_library_and_nothing_else() -> None:
    graph = grimp.build_graph("claims", include_external_packages=True, cache_dir=None)
    outside = {
        imported.split(".")[0]
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    assert outside - {"claims"} <= sys.stdlib_module_names
    assert "claims.decision" in graph.modules


def test_nothing_imports_the_two_composition_roots() -> None:
    graph = grimp.build_graph("claims", "providers", "broker", "migrations", cache_dir=None)
    for root in ("broker.app", "broker.cli"):
        assert root in graph.modules
        assert graph.find_modules_that_directly_import(root) == set()
