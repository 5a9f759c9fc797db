"""A registry on another site than the broker: it keeps what comes to its callback, and may send the browser on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from tests.providers.loopback import Handler, Seen, Server, serve

PAGE = b'<!doctype html><title>Registry</title><link rel="icon" href="data:,"><h1>Back at the registry</h1>'


@dataclass(kw_only=True)
class Receiver:
    """``onward`` is where the callback sends the browser; if nowhere, it shows a page."""

    server: Server
    onward: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def callback(self) -> str:
        return f"{self.url}/callback"

    def arrivals(self) -> list[Seen]:
        """Return the requests that came to the callback."""
        return [seen for seen in self.server.seen if urlsplit(seen.path).path == "/callback"]

    def told(self) -> Mapping[str, str]:
        """Return the parameters that came last, from the query or from the form; none of them twice."""
        last = self.arrivals()[-1]
        sent = last.body.decode() if last.method == "POST" else urlsplit(last.path).query
        pairs = parse_qsl(sent, keep_blank_values=True, strict_parsing=True)
        assert len(pairs) == len(dict(pairs)), pairs
        return dict(pairs)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield one that listens."""

    def answer(handler: Handler) -> None:
        if receiver.onward is not None and urlsplit(handler.path).path == "/callback":
            handler.reply(b"", status=303, Location=receiver.onward)
        else:
            handler.reply(PAGE, Content_Type="text/html")

    with serve(answer) as server:
        receiver = Receiver(server=server)
        yield receiver
