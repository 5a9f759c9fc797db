"""User codes: eight letters, shown as ``WDJB-MJHT``, read however people type them (RFC 8628 section 6.1)."""

import re
import secrets

# No vowels, so no words; no two letters that are read as one another.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8  # 34 bits: 20 ** 8
_CODE = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
_BETWEEN = re.compile(r"[\s._\u002d\u2010-\u2015\u2212]+")
_MOST_TYPED = 64


def new_user_code() -> str:
    """Return a code as it is kept: without its dash."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def read_user_code(typed: str) -> str | None:
    """Return the code that somebody means, or none when it cannot be one."""
    if len(typed) > _MOST_TYPED:
        return None
    code = _BETWEEN.sub("", typed).upper()
    return code if _CODE.fullmatch(code) else None


def shown(code: str) -> str:
    """Return the code as people see it."""
    return f"{code[:4]}-{code[4:]}"
