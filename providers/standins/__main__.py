"""``python -m providers.standins``: the stand-ins by themselves, until Ctrl-C.

``CA_DIR/standins-registrations.json`` holds the applications with their secrets, by kind of provider; it is
made when it is missing, and only its owner can read it.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Event

from .directory import Registration, register_all
from .personas import demo_personas
from .server import HOST, Standins

REGISTRATIONS_FILE = "standins-registrations.json"


def registered(folder: Path, redirect_uris: Iterable[str]) -> tuple[Registration, ...]:
    """Return the applications on file in ``folder``, or fresh ones, which are then put on file there.

    ``redirect_uris``, where there are any, replace those on file. Raises ValueError or TypeError on an odd
    file.
    """
    path = folder / REGISTRATIONS_FILE
    uris = tuple(redirect_uris)
    applications = _read(path) if path.exists() else register_all(uris)
    if uris:
        applications = tuple(replace(application, redirect_uris=uris) for application in applications)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    members = {
        application.kind: {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "redirect_uris": application.redirect_uris,
        }
        for application in applications
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(members, file, indent=2)
    return applications


def _read(path: Path) -> tuple[Registration, ...]:
    return tuple(
        Registration(kind=kind, **{**members, "redirect_uris": tuple(members["redirect_uris"])})
        for kind, members in json.loads(path.read_text()).items()
    )


def main(arguments: Sequence[str] | None = None, stop: Event | None = None) -> int:
    """Run the stand-ins until ``stop`` is set, or SIGINT or SIGTERM comes. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m providers.standins", description="Loopback stand-ins.")
    parser.add_argument("--browser-port", type=int, default=8002, help="http, for the browser")
    parser.add_argument("--backchannel-port", type=int, default=8443, help="https, for the broker")
    parser.add_argument("--ca-dir", type=Path, required=True, help="where the CA's certificate and the secrets go")
    parser.add_argument("--issuer-callbacks", nargs="+", default=[], metavar="URL", help="redirect URIs of the broker")
    parser.add_argument("--host", default=HOST, help="any but the default is refused")
    options = parser.parse_args(arguments)
    ended = stop or Event()
    try:
        standins = Standins.start(
            registrations=registered(options.ca_dir, options.issuer_callbacks),
            browser_port=options.browser_port,
            backchannel_port=options.backchannel_port,
            ca_dir=options.ca_dir,
            host=options.host,
        )
    except (OSError, ValueError) as error:
        parser.error(str(error))
    for signal_number in (signal.SIGINT, signal.SIGTERM) if stop is None else ():
        signal.signal(signal_number, lambda *_: ended.set())
    with standins:
        lines = [
            f"{kind:18} {id:22} {label}: {expected}" for id, kind, label, expected in demo_personas(standins.personas)
        ]
        sys.stdout.write("\n".join([*lines, f"ready: {standins.browser_url} {standins.backchannel_url}", ""]))
        sys.stdout.flush()
        ended.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
