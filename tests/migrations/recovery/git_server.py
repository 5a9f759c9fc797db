"""A real Git server: ``git http-backend`` behind a real HTTP server on loopback, and what a person does with it."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

_NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
_AS = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]


@dataclass(frozen=True, kw_only=True)
class GitServer:
    """``url`` is of a bare repository with one branch; ``clone`` a clone of it."""

    url: str
    clone: Path

    def push(self, branch: str) -> None:
        """Push a branch, as the page says."""
        _git(self.clone, "push", "-q", "origin", f"HEAD:refs/heads/{branch}")

    def tag(self, name: str) -> None:
        """Push a tag."""
        _git(self.clone, "push", "-q", "origin", f"HEAD:refs/tags/{name}")


@contextmanager
def git_server(folder: Path) -> Iterator[GitServer]:
    """Run one, whose repositories are in ``folder``."""
    bare, clone = folder / "served" / "widget.git", folder / "clone"
    bare.mkdir(parents=True)
    _git(bare, "init", "-q", "--bare", "-b", "main", ".")
    _git(bare, "config", "http.receivepack", "true")
    handler = type("OneHandler", (_Handler,), {"root": bare.parent})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/widget.git"
        clone.mkdir()
        _git(clone, "init", "-q", "-b", "main", ".")
        _git(clone, "remote", "add", "origin", url)
        _git(clone, *_AS, "commit", "-q", "--allow-empty", "-m", "first")
        _git(clone, "push", "-q", "origin", "main")
        yield GitServer(url=url, clone=clone)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    """Hands a request to ``git http-backend`` as a web server does (RFC 3875)."""

    root: Path

    def _any(self) -> None:
        parts, length = urlsplit(self.path), self.headers.get("Content-Length", "0")
        done = subprocess.run(
            ["git", "http-backend"],
            input=self._body(int(length)),
            env={**_environment(), **self._meta(parts.path, parts.query)},
            capture_output=True,
            check=True,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _any  # noqa: N815 - http.server's names

    def _body(self, length: int) -> bytes:
        return self.rfile.read(length)

    def _meta(self, path: str, query: str) -> Mapping[str, str]:
        return {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "test",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            **({"HTTP_CONTENT_ENCODING": encoding} if (encoding := self.headers.get("Content-Encoding")) else {}),
        }

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("GIT_")}, **_NOBODY}


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, env=_environment(), check=True, capture_output=True)
