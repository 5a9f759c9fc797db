"""Serving the numbers, at an address of their own that only the operator's Prometheus reaches.

Processes that serve together share a directory, in which each has files of its own; their parent adds them up. The
files of processes that are gone are added up in one, so that no counter goes back and the directory does not grow.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIServer

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.registry import CollectorRegistry

from broker.metrics.counting import on

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where processes that share their numbers keep them. The library reads it when it is first imported."""

# An older name of it, which the library takes over.
_OLD_VARIABLE = "prometheus_multiproc_dir"

_shared: Path | None = None

_NOBODY = 0
"""The number that stands in the names of files for all processes that are gone: no process has it."""


class AddressTaken(OSError):
    """Somebody else serves at this address."""


class Exposed:
    """What serves the numbers, in a thread of its own, until :meth:`close`."""

    def __init__(self, server: WSGIServer, thread: Thread, directory: Path | None) -> None:
        self._server = server
        self._thread = thread
        self._directory = directory

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop, and remove the directory if there is one."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if self._directory is not None:
            rmtree(self._directory, ignore_errors=True)


def share() -> Path:
    """Have this process and those it starts keep their numbers in a new directory, and return it.

    Call it before anything is counted, and give what it returns to :func:`expose`.
    """
    global _shared  # noqa: PLW0603 - of this process and those it forks, as the variable is
    directory = mkdtemp(prefix="vestibule-metrics-")  # which nobody else may enter
    os.environ.pop(_OLD_VARIABLE, None)
    os.environ[DIRECTORY_VARIABLE] = directory
    _shared = Path(directory)
    return _shared


def expose(address: tuple[str, int], directory: Path | None = None) -> Exposed:
    """Serve the numbers of this process, or of all that share ``directory``, and return what does.

    Raises :class:`AddressTaken`.
    """
    from prometheus_client.exposition import start_wsgi_server

    host, port = address
    try:
        server, thread = start_wsgi_server(port, host, _registry(directory))
    except OSError as error:
        raise AddressTaken(f"port {port} of {host}") from error
    return Exposed(server, thread, directory)


def begin(address: tuple[str, int] | None) -> Exposed | None:
    """Count in this process, if there is an address; and serve the numbers there, unless its parent does.

    A variable that came from elsewhere is not ours: numbers would go where nobody reads them. Raises
    :class:`AddressTaken`.
    """
    if address is None:
        return None
    if _shared is None:
        for variable in (DIRECTORY_VARIABLE, _OLD_VARIABLE):
            os.environ.pop(variable, None)
    on()
    return None if _shared is not None else expose(address)


def _registry(directory: Path | None) -> "CollectorRegistry":
    if directory is None:
        return on().registry
    from prometheus_client import CollectorRegistry

    registry = CollectorRegistry()
    registry.register(_Together(directory))
    return registry


class _Together:
    """Adds up what the processes of a directory have counted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = Lock()

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.multiprocess import MultiProcessCollector

        with self._lock:  # who adds up the gone while another reads would count them twice
            bury(self._directory)
            together: Any = MultiProcessCollector  # the library has no types for it
            yield from together(None, str(self._directory)).collect()


def bury(directory: Path) -> None:
    """Add the files of processes that are gone to the one that stands for all of these, and remove them."""
    from prometheus_client.mmap_dict import MmapedDict

    files: Any = MmapedDict  # as above
    for path in directory.glob("*.db"):
        kind, _, number = path.stem.rpartition("_")
        if int(number) == _NOBODY or _lives(int(number)):
            continue
        if "live" not in kind:
            kept = files(str(path.with_stem(f"{kind}_{_NOBODY}")))
            for key, value, at, _ in files.read_all_values_from_file(str(path)):
                before, before_at = kept.read_value(key)
                if kind in ("counter", "histogram"):
                    kept.write_value(key, before + value, 0.0)
                elif at >= before_at:
                    kept.write_value(key, value, at)
            kept.close()
        path.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
