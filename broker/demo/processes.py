"""The demo's child processes: started, waited for until they answer, stopped by their ids."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import requests

_START_SECONDS = 60
_STOP_SECONDS = 15
_LOOK_EVERY = 0.05  # seconds
# All that the demo talks to is on loopback, under certificates of its own.
_NOT_FOR_CHILDREN = frozenset(
    {
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("OAUTHLIB_INSECURE_TRANSPORT", "OAUTHLIB_RELAX_TOKEN_SCOPE", "AUTHLIB_INSECURE_TRANSPORT"),
    }
)


class ChildFailed(Exception):
    """A child process did not come up, or ended by itself."""


class Child:
    """One process. What it prints goes to ``log``, which only its owner can read."""

    def __init__(self, name: str, module: str, arguments: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        inherited = {key: value for key, value in os.environ.items() if key not in _NOT_FOR_CHILDREN}
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**inherited, **environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C in a terminal goes to its whole session; the children are stopped by us, in order.
                start_new_session=True,
            )

    def wait_until_it_answers(self, url: str, ca_file: Path | None = None) -> None:
        """Return once ``url`` answers with success. Raises :class:`ChildFailed` when it does not within a minute."""
        deadline = time.monotonic() + _START_SECONDS
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(ca_file) if ca_file else True
            while time.monotonic() < deadline:
                self.must_run()
                with suppress(OSError):  # requests' own among them, and that the CA's certificate is not there yet
                    if session.get(url, timeout=5).ok:
                        return
                time.sleep(_LOOK_EVERY)
        raise ChildFailed(f"{self.name} does not answer at {url}. See {self.log}.")

    def must_run(self) -> None:
        """Raise :class:`ChildFailed` if the process has ended."""
        if self._process.poll() is not None:
            raise ChildFailed(f"{self.name} stopped by itself. {self._last_words()}")

    def stop(self) -> None:
        """End the process and wait for it."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"Its last words, in {self.log}: {lines[-1]}" if lines else f"It said nothing in {self.log}."
