"""Profiles every request of a broker that finds this on its path: ``python -m tests.bench.run --profile FILE``.

Threads of the server are not Python's, and a profile is of one thread: each has its own, and all of them are added up
when the process ends.
"""

import cProfile
import os
import pstats
import sys
import threading
from collections.abc import Iterable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from multiprocessing.util import Finalize
from typing import Any

MODULE = "broker.app"
FILE = os.environ["BENCH_PROFILE"]


class _Profiled:
    """A WSGI application, profiled."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._own = threading.local()
        self._all: list[cProfile.Profile] = []
        Finalize(None, self._dump, exitpriority=0)  # atexit is not for processes of multiprocessing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._application, name)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        profile = getattr(self._own, "profile", None)
        if profile is None:
            profile = self._own.profile = cProfile.Profile()
            self._all.append(profile)
        profile.enable()
        try:
            answer = self._application(environ, start_response)
            return list(answer)
        finally:
            profile.disable()

    def _dump(self) -> None:
        if self._all:
            stats = pstats.Stats(self._all[0])
            for each in self._all[1:]:
                stats.add(each)
            stats.dump_stats(FILE)


class _Finder(MetaPathFinder):
    """Wraps what ``broker.app.serve`` returns."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        del target
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            _wrap(spec.loader)
        return spec


def _wrap(loader: Loader) -> None:
    execute = loader.exec_module

    def exec_module(module: Any) -> None:
        execute(module)
        serve = module.serve
        module.serve = lambda: _Profiled(serve())

    loader.exec_module = exec_module  # type: ignore[method-assign]  # of this one module


sys.meta_path.insert(0, _Finder())
