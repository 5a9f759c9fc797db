"""The provider of the soak: two issuers of the benchmark's stand-in over TLS, which can be told to misbehave.

``python -m tests.soak.provider HOST PORT CERTIFICATE KEY``. ``GET /mode/NAME``: ``ok``, ``slow`` (eight seconds for
every token), ``down`` (503) or ``rubbish`` (200 and no JSON), of the first issuer alone.
"""

import asyncio
import ssl
import sys

from tests.bench.standin import Issuer

SLOW_SECONDS = 8
ISSUERS = ("first", "second")


class Provider:
    """Serves every issuer below a path of its own."""

    def __init__(self, base: str) -> None:
        self._issuers = {name: Issuer(f"{base}/{name}") for name in ISSUERS}
        self._mode = "ok"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lengths = [line[15:] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
                body = (await reader.readexactly(int(lengths[0]))).decode("latin-1") if lengths else ""
                writer.write(await self._answer(head.split(" ", 2)[1], body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            writer.close()

    async def _answer(self, target: str, body: str) -> bytes:
        path, _, query = target.partition("?")
        if path.startswith("/mode/"):
            self._mode = path.removeprefix("/mode/")
            return _response("200 OK", b"{}")
        name, _, endpoint = path.removeprefix("/").partition("/")
        issuer = self._issuers.get(name)
        if issuer is None:
            return _response("404 Not Found", b"{}")
        if name == ISSUERS[0] and endpoint != "authorize":
            if self._mode == "slow":
                await asyncio.sleep(SLOW_SECONDS)
            elif self._mode == "down":
                return _response("503 Service Unavailable", b"<h1>503</h1>")
            elif self._mode == "rubbish":
                return _response("200 OK", b"<!doctype html>\x00\xff")
        if endpoint == "authorize":
            return _response("302 Found", b"", f"Location: {issuer.authorize(query)}\r\n")
        if endpoint == "token":
            tokens = issuer.token(body)
            return _response("200 OK", tokens) if tokens else _response("400 Bad Request", b'{"error":"invalid_grant"}')
        document = issuer.documents.get(f"/{endpoint}")
        return _response("200 OK", document) if document else _response("404 Not Found", b"{}")


def _response(status: str, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode("latin-1") + body


async def serve(host: str, port: int, certificate: str, key: str) -> None:
    """Serve until cancelled."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    provider = Provider(f"https://{host}:{port}")
    server = await asyncio.start_server(provider.serve, host, port, ssl=context, backlog=256)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))
