"""The demo's mailbox: all the mail that the broker has sent, for whoever plays everybody."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

_MOST = 50
_DIRECTORY = "directory:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a line. ``url``: where it leads, if it is an address of the broker."""

    text: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail, as it is shown. Each of its lines is some parts."""

    to: str
    subject: str
    written_at: datetime
    lines: tuple[tuple[Part, ...], ...]


def folder_of(mail_url: str) -> Path | None:
    """Return the folder that the broker writes its mail to, or none where it goes elsewhere."""
    return Path(mail_url.removeprefix(_DIRECTORY)) if mail_url.startswith(_DIRECTORY) else None


def letters(folder: Path, issuer: str) -> list[Letter]:
    """Return the mail in a folder, the newest first."""
    written = [path.read_bytes() for path in folder.glob("*.eml")]
    # One that the broker has only just begun to write is empty.
    found = [_letter(raw, issuer) for raw in written if raw]
    return sorted(found, key=lambda each: each.written_at, reverse=True)[:_MOST]


def blueprint(folder: Path, issuer: str) -> Blueprint:
    """Return the page, ``/mail``. Whoever opens it reads everybody's mail, which only a demo may show."""
    room = Blueprint("mailbox", __name__)

    @room.get("/mail")
    def mail() -> ResponseReturnValue:
        return render_template("mail.html", letters=letters(folder, issuer))

    return room


def _letter(raw: bytes, issuer: str) -> Letter:
    message = message_from_bytes(raw, policy=default)
    text: str = message.get_content()
    return Letter(
        to=str(message["To"]),
        subject=str(message["Subject"]),
        written_at=message["Date"].datetime,
        lines=tuple(tuple(_parts(line, issuer)) for line in text.rstrip().splitlines()),
    )


def _parts(line: str, issuer: str) -> Iterator[Part]:
    """Yield the parts of a line. Only addresses of the broker are links, as anybody may have named an organisation."""
    # After the origin comes a path or nothing: the origin of another could go on with more of a host or a port.
    address = re.compile(rf"(?<!\S){re.escape(issuer)}(?:/\S*)?(?!\S)")
    end = 0
    for found in address.finditer(line):
        if found.start() > end:
            yield Part(text=line[end : found.start()])
        yield Part(text=found[0], url=found[0])
        end = found.end()
    if end < len(line):
        yield Part(text=line[end:])
