"""A new configuration: its name, fresh keys, and a file for its owner's eyes only."""

import os
import secrets
from base64 import urlsafe_b64encode
from pathlib import Path

from broker.settings.values import KEY_BYTES

FILE_NAME = "vestibule.toml"
KEYS = ("encryption", "pseudonym", "index", "audit", "cookies")


def fresh_keys() -> dict[str, str]:
    """Return a new random key for every purpose, as the settings take them."""
    return {name: urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode().rstrip("=") for name in KEYS}


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read. Raises ``FileExistsError`` rather than replace one."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
