"""Hosts: network namespaces without names, at one bridge in a namespace of its own.

The kernel takes a namespace away with the last process in it, and its interfaces with it, so that there is nothing to
tidy up: each is held by one process, which dies with the soak.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

NETWORK = "10.77.0"
ADDRESSES: Mapping[str, str] = {
    name: f"{NETWORK}.{number}"
    for name, number in {
        "front": 10,
        "broker-1": 11,
        "broker-2": 12,
        "worker": 13,
        "redis": 21,
        "postgresql": 22,
        "provider": 31,
        "people": 41,
    }.items()
}
PEOPLE = "10.78.0.0/16"
"""What visitors come from: as many addresses as there are people, all of them at one host."""
_CLONE_NEWNS = 0x20000
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True)
class Host:
    """A namespace. ``holder`` is the process that keeps it."""

    name: str
    address: str
    holder: int

    @property
    def within(self) -> list[str]:
        """Return what to put before a command that is to run there, and to die with the soak."""
        return ["nsenter", f"--net=/proc/{self.holder}/ns/net", "--"]


class Network:
    """All hosts, each at the bridge by a cable that can be pulled."""

    def __init__(self, switch: Host, hosts: Mapping[str, Host]) -> None:
        self._switch = switch
        self.hosts = hosts

    def pull(self, name: str) -> None:
        """Cut a host off: nothing gets through, and nobody is told."""
        _run(*self._switch.within, "ip", "link", "set", name, "down")

    def plug(self, name: str) -> None:
        """Connect it again."""
        _run(*self._switch.within, "ip", "link", "set", name, "up")

    def enter(self, name: str) -> None:
        """Move this process to a host, with all threads and children that it makes from now on."""
        with Path(f"/proc/{self.hosts[name].holder}/ns/net").open("rb") as there:
            _check(_LIBC.setns(there.fileno(), _CLONE_NEWNET))


@contextmanager
def network() -> Iterator[Network]:
    """Yield the hosts, connected. Needs root, and raises :class:`PermissionError` without."""
    if os.geteuid() != 0:
        raise PermissionError("network namespaces need root: sudo make soak")
    # What this process mounts from now on is nobody else's, and is gone with it and its children.
    _check(_LIBC.unshare(_CLONE_NEWNS))
    _run("mount", "--make-rprivate", "/")
    with ExitStack() as stack:
        switch = stack.enter_context(_held("switch", ""))
        _run(*switch.within, "ip", "link", "add", "bridge", "type", "bridge")
        _run(*switch.within, "ip", "link", "set", "bridge", "up")
        hosts = {}
        for name, address in ADDRESSES.items():
            host = hosts[name] = stack.enter_context(_held(name, address))
            cable = ["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(host.holder)]
            _run(*switch.within, *cable)
            _run(*switch.within, "ip", "link", "set", name, "master", "bridge", "up")
            _run(*host.within, "ip", "address", "add", f"{address}/24", "dev", "eth0")
            for each in ("lo", "eth0"):
                _run(*host.within, "ip", "link", "set", each, "up")
        for name, host in hosts.items():
            way = ["via", ADDRESSES["people"]] if name != "people" else ["dev", "lo"]
            _run(*host.within, "ip", "route", "add", *(["local"] if name == "people" else []), PEOPLE, *way)
        yield Network(switch, hosts)


@contextmanager
def _held(name: str, address: str) -> Iterator[Host]:
    command = ["setpriv", "--pdeathsig", "KILL", "--", "unshare", "--net", "sh", "-c", "echo; exec sleep infinity"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError("no namespace could be made")
        yield Host(name=name, address=address, holder=process.pid)
    finally:
        process.kill()
        process.communicate()


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
