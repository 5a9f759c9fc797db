"""Write the list of what requirements.txt pins, as CycloneDX JSON: the same bytes from the same pins, anywhere.

What cyclonedx-bom says beyond the pins is left out: addresses of an index, and where a line stood.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def main(target: Path) -> None:
    """Write it to ``target``."""
    pins = ROOT / "requirements.txt"
    made = subprocess.run(  # noqa: S603  # a module of the pinned environment
        [sys.executable, "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--short-PURLs", str(pins)],
        check=True,
        capture_output=True,
        cwd=ROOT,
    )
    bom = json.loads(made.stdout)
    bom["components"] = sorted((component(each) for each in bom["components"]), key=lambda each: str(each["purl"]))
    bom["dependencies"] = [{"ref": each["bom-ref"]} for each in bom["components"]]
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    bom["metadata"] = {
        "component": {"bom-ref": "vestibule", "name": "vestibule", "type": "application"},
        "properties": [{"name": "vestibule:requirements.txt:sha256", "value": digest}],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bom, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def component(found: dict[str, Any]) -> dict[str, Any]:
    """Return what a pin says: name, version, and the digests of the files that pip takes for it."""
    digests = [each for reference in found.get("externalReferences", ()) for each in reference.get("hashes", ())]
    purl = found["purl"]
    return {
        "bom-ref": purl,
        "name": found["name"],
        "purl": purl,
        "type": found["type"],
        "version": found["version"],
        "externalReferences": [{"type": "distribution", "url": purl, "hashes": digests}],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
