"""A connection to a server that is told anything."""

import re
import socket
from collections.abc import Callable

MOST_BYTES = 512 * 1024  # of any answer
SECONDS = 30  # for any answer


class Line:
    """One connection to the server, opened anew whenever it hangs up."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._left = b""

    def ask(self, request: bytes, *, whole: bool) -> tuple[int, bytes] | None:
        """Return status and body, or none if the server hung up. Raises ``TimeoutError`` when nothing comes."""
        used = self._socket is not None
        answered = self._ask(request, whole=whole)
        # What an earlier request ended may look open until it is written to (RFC 9112 section 9.3.1).
        return self._ask(request, whole=whole) if answered is None and used else answered

    def _ask(self, request: bytes, *, whole: bool) -> tuple[int, bytes] | None:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS)
            self._left = b""
        try:
            self._socket.sendall(request)
            if not whole:
                self._socket.shutdown(socket.SHUT_WR)
            answered = self._read(head_only=request.startswith(b"HEAD "))
        except TimeoutError:
            raise
        except OSError:
            answered = None
        if answered is None or not whole or answered[2]:
            self.close()
        return answered[:2] if answered is not None else None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _read(self, *, head_only: bool) -> tuple[int, bytes, bool] | None:
        if not self._more_until(lambda: b"\r\n\r\n" in self._left):
            return None
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        status = int(head[9:12])
        if status == 100:
            return self._read(head_only=head_only)
        headers = head.lower()
        length = re.search(rb"\r\ncontent-length: *(\d+)", headers)
        closes = b"\r\nconnection: close" in headers
        if head_only or status in (204, 304):
            return status, head, closes
        if length is not None:
            size = int(length[1])
            if not self._more_until(lambda: len(self._left) >= size):
                return None
            body, self._left = self._left[:size], self._left[size:]
            return status, head + body, closes
        chunked = b"\r\ntransfer-encoding: chunked" in headers
        if not self._more_until(lambda: chunked and self._left.endswith(b"0\r\n\r\n")) and chunked:
            return None
        body, self._left = self._left, b""
        return status, head + body, closes or not chunked

    def _more_until(self, enough: Callable[[], bool]) -> bool:
        while not enough():
            if not self._more():
                return False
        return True

    def _more(self) -> bool:
        if self._socket is None or len(self._left) > MOST_BYTES:
            return False
        got = self._socket.recv(65536)
        self._left += got
        return bool(got)
