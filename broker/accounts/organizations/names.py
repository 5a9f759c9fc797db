"""Names of organisations: for people to read, and never decisive but where somebody looks one up."""

import unicodedata

_LENGTH = range(2, 81)  # characters
# Nothing is to be seen of these, so that names with and without them read the same: the property
# Default_Ignorable_Code_Point (Unicode 16.0, DerivedCoreProperties.txt), which unicodedata does not have.
_IGNORABLE = (
    range(0x00AD, 0x00AE),
    range(0x034F, 0x0350),
    range(0x061C, 0x061D),
    range(0x115F, 0x1161),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),
    range(0x200B, 0x2010),
    range(0x202A, 0x202F),
    range(0x2060, 0x2070),
    range(0x3164, 0x3165),
    range(0xFE00, 0xFE10),
    range(0xFEFF, 0xFF00),
    range(0xFFA0, 0xFFA1),
    range(0xFFF0, 0xFFF9),
    range(0x1BCA0, 0x1BCA4),
    range(0x1D173, 0x1D17B),
    range(0xE0000, 0xE1000),
)
# A name is shown in mails and on pages that people trust, and must not lead them anywhere.
_OF_ADDRESSES = ("://", "@", "www.")


def clean_name(raw: str) -> str:
    """Return the name as it is shown. Raises ``ValueError`` for what is none: 2 to 80 printable characters are.

    No control, formatting (bidirectional overrides among them), ignorable or unassigned character is printable, and
    what looks like an address is no name.
    """
    normal = unicodedata.normalize("NFKC", raw)
    clean = " ".join(normal.split())
    if not normal.isprintable() or len(clean) not in _LENGTH or any(map(_is_ignorable, raw + normal)):
        raise ValueError("not a name")
    if any(each in clean.casefold() for each in _OF_ADDRESSES):
        raise ValueError("an address")
    return clean


def name_key(name: str) -> str:
    """Return what names are compared by: the same for every spelling in case, spaces, Unicode form and ignorables."""
    # Case folding can undo normalisation (Unicode Standard 3.13, D147), so it is done on both sides.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(each for each in folded if not _is_ignorable(each)).split())


def _is_ignorable(character: str) -> bool:
    return any(ord(character) in each for each in _IGNORABLE)
