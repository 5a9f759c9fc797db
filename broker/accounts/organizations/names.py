"""Names of organisations: for people to read, and never decisive but where somebody looks one up."""

import unicodedata

_LENGTH = range(2, 81)  # characters


def clean_name(raw: str) -> str:
    """Return the name as it is shown. Raises ``ValueError`` for what is none: 2 to 80 printable characters are.

    No control, formatting (bidirectional overrides among them) or unassigned character is printable.
    """
    normal = unicodedata.normalize("NFKC", raw)
    clean = " ".join(normal.split())
    if not normal.isprintable() or len(clean) not in _LENGTH:
        raise ValueError("not a name")
    return clean


def name_key(name: str) -> str:
    """Return what names are compared by, the same for every spelling in case, spaces and Unicode form."""
    # Case folding can undo normalisation (Unicode Standard 3.13, D147), so it is done on both sides.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())
