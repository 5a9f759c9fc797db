"""How servers of a test answer: well, endlessly, halfway or not at all."""

import gzip

from tests.providers.loopback import Handler


def ok(handler: Handler) -> None:
    handler.reply(b'{"fine": true}', Content_Type="application/json; charset=utf-8")


def never(handler: Handler) -> None:
    handler.released.wait()


def drip_body(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    handler.drip(b"x")


def drip_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    handler.drip(b"x")


def huge(handler: Handler) -> None:
    handler.reply(b"x" * 200_000)


def huge_without_length(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 200_000)


def huge_in_chunks(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    handler.wfile.write((b"2710\r\n" + b"x" * 10_000 + b"\r\n") * 20 + b"0\r\n\r\n")


def bomb(handler: Handler) -> None:
    handler.reply(gzip.compress(bytes(5_000_000)), Content_Encoding="gzip")


def truncated(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")


def truncated_chunks(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf")


def garbage(handler: Handler) -> None:
    handler.close_connection = True
    handler.wfile.write(b"this is no HTTP\r\n\r\n")
