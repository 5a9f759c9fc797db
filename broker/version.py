"""Which version this is: the release, and the commit that it was built from."""

import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from shutil import which

UNKNOWN = "unknown"
_BUILT = Path(__file__).with_name("commit.txt")  # in a wheel, where .ci/hatch_build.py put it
_ROOT = Path(__file__).parents[1]
_GIT_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """``commit`` is its full name, or :data:`UNKNOWN`. ``dirty``: something was changed after that commit."""

    release: str
    commit: str
    dirty: bool

    def __str__(self) -> str:
        changed = ", with changes after it" if self.dirty else ""
        return f"{self.release} (commit {self.commit}{changed})"


def release() -> str:
    """Return the number of the release, or :data:`UNKNOWN` where nothing is installed."""
    try:
        return installed("vestibule")
    except PackageNotFoundError:
        return UNKNOWN


def version() -> Version:
    """Return the version: of the build, else of the clone that this runs from, which is asked."""
    try:
        commit, _, state = _BUILT.read_text(encoding="ascii").strip().partition(" ")
        dirty = state == "dirty"
    except FileNotFoundError:
        commit, dirty = of_clone(_ROOT)
    return Version(release=release(), commit=commit, dirty=dirty)


def of_clone(root: Path) -> tuple[str, bool]:
    """Return the commit of a clone, and whether something was changed after it."""
    # Of this folder alone: another repository above it says nothing of us.
    if not (root / ".git").exists():
        return UNKNOWN, False
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changes = _git(root, "status", "--porcelain")
    return (commit, bool(changes)) if commit else (UNKNOWN, False)


def _git(root: Path, *arguments: str) -> str:
    git = which("git")
    if git is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603  # git of the machine, and nothing that anybody typed
            [git, "-C", str(root), *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
