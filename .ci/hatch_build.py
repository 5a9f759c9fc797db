"""What a build adds: the commit it is made from, and the list of what the pins bring (CycloneDX, PEP 770).

A source distribution has no clone around it, so it carries both for the wheel that is built of it.
"""

import hashlib
import json
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMMIT = {"wheel": "broker/commit.txt", "sdist": ".ci/commit.txt"}
SBOM = "build/vestibule.cdx.json"


class Provenance(BuildHookInterface):
    """Runs in every build but an editable one, which looks at the clone itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        carried = root / COMMIT["sdist"]
        if not carried.exists():
            carried = Path(mkdtemp()) / "commit.txt"
            carried.write_text(_commit(root), encoding="ascii")
        build_data["force_include"][str(carried)] = COMMIT[self.target_name]
        if (root / SBOM).exists():
            _check(root)
            if self.target_name == "wheel":
                build_data["sbom_files"].append(SBOM)
            else:
                build_data["force_include"][str(root / SBOM)] = SBOM


def _commit(root: Path) -> str:
    sys.path.insert(0, str(root))
    try:
        from broker.version import of_clone
    finally:
        sys.path.pop(0)
    commit, dirty = of_clone(root)
    return f"{commit}{' dirty' if dirty else ''}\n"


def _check(root: Path) -> None:
    """Raise where the list is of other pins than these."""
    pins = hashlib.sha256((root / "requirements.txt").read_bytes()).hexdigest()
    told = json.loads((root / SBOM).read_bytes())["metadata"]["properties"]
    if {"name": "vestibule:requirements.txt:sha256", "value": pins} not in told:
        raise RuntimeError(f"{SBOM} is not of this requirements.txt. Run: make sbom")
