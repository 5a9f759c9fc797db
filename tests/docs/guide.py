"""The guides, and what stands in them; the examples of docs/registry.md, as they stand there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "registry.md"
GUIDES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
STEPUP = ROOT / "broker" / "registry" / "stepup.py"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(guide: Path, language: str) -> list[str]:
    """Return the blocks of code in a language, in lists too."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", guide.read_text(), re.DOTALL | re.MULTILINE)


def spans(guide: Path) -> list[str]:
    """Return what stands between backticks in the text."""
    prose = re.sub(r"^ *```.*?^ *```", "", guide.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", prose)]


def example(name: str) -> str:
    """Return the text of the example that the guide calls ``name``."""
    found = re.search(rf"<!-- example: {re.escape(name)} -->\n```\w+\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert found, f"the guide has no example {name}"
    return found[1]


def write(name: str, folder: Path) -> Path:
    """Write the example into a folder, under its name, with the helper beside it that it may import."""
    (folder / STEPUP.name).write_text(STEPUP.read_text())
    path = folder / name
    path.write_text(example(name))
    return path
