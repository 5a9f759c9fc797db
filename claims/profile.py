"""Profile: the only two things we keep about a person. No other field exists to fill."""

import re
import unicodedata
from dataclasses import dataclass

NAME_LIMIT = 200
EMAIL_LIMIT = 254  # RFC 5321, section 4.5.3.1.3: a path of 256 octets, less its angle brackets

# Control, formatting (bidirectional overrides among them), lone surrogates, line and paragraph separators:
# nothing that could break a header, a log line or the page a name is shown on.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # zero-width joiners, which Persian and Indic names are written with

# RFC 5322 dot-atom "@" host name. ASCII only: no quoted strings, comments, literals or look-alike letters.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a provider suggests of a person. ``email_verified`` is about the provider's word, not ours."""

    name: str | None
    email: str | None
    email_verified: bool

    @staticmethod
    def read(name_raw: object, email_raw: object, verified_raw: object) -> "Profile":
        """Return what is usable in raw claims. Never raises; what is odd is none, only ``True`` verifies."""
        email = _email(email_raw)
        return Profile(
            name=_name(name_raw),
            email=email,
            email_verified=email is not None and verified_raw is True,
        )


def _name(raw: object) -> str | None:
    if not isinstance(raw, str) or len(raw) > NAME_LIMIT:
        return None
    visible = "".join(set(raw) - _JOINERS)
    if not visible.strip() or any(unicodedata.category(character) in _UNPRINTABLE for character in visible):
        return None
    return raw.strip()


def _email(raw: object) -> str | None:
    if not isinstance(raw, str) or len(raw) > EMAIL_LIMIT:
        return None
    return raw if _EMAIL.fullmatch(raw) else None
