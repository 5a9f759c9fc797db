"""Where a package's source is, as its owner once wrote it down, and where a broker may look for it."""

import re
from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from migrations.accounts.records import OWNER, Package

MOST = 3
"""How many repositories are looked at, at most."""

# Whose addresses are known well enough to be told from what stands behind them: what people paste is the address of a
# page. GitLab has groups in groups, and sends a browser from "name" to "name.git".
_HOSTS = {
    "github.com": "github.com",
    "www.github.com": "github.com",
    "gitlab.com": "gitlab.com",
    "www.gitlab.com": "gitlab.com",
}
WELL_KNOWN = frozenset(_HOSTS.values())
"""Hosts that most repositories are at."""
_SCP_LIKE = re.compile(r"(?:[A-Za-z0-9_-]+@)?(github\.com|gitlab\.com):([^:]+)")
_SCHEMES = frozenset({"https", "http", "ssh", "git"})
_PART = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_PAGES = frozenset({"-", "tree", "blob", "wikis", "issues", "commits"})  # of GitLab, behind a repository
_MOST_PARTS = 20


def repositories_of(packages: Sequence[Package], named: str | None, *, plain_allowed: bool = False) -> tuple[str, ...]:
    """Return where to look: the repositories of packages that the account owns, each once, :data:`MOST` at most.

    The package that was named comes first, then those that are most used. ``plain_allowed`` as in :func:`normalised`.
    """
    owned = sorted(
        (each for each in packages if each.role == OWNER and each.repository is not None),
        key=lambda each: (each.name != named, -each.downloads, each.name),
    )
    found = (normalised(each.repository, plain_allowed=plain_allowed) for each in owned if each.repository is not None)
    return tuple(dict.fromkeys(each for each in found if each is not None))[:MOST]


def normalised(text: str, *, plain_allowed: bool = False) -> str | None:
    """Return the https address of a repository, or none where there is none that could be asked.

    Only the default port, no credentials, no query. ``plain_allowed`` (an insecure switch) takes http and any port.
    """
    text = text.strip().removeprefix("git+")
    scp_like = _SCP_LIKE.fullmatch(text)
    if scp_like is not None:
        text = f"ssh://{scp_like[1]}/{scp_like[2]}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        return None
    known = _HOSTS.get(parts.hostname)
    if known is not None:
        return _at_known(known, parts)
    plain = plain_allowed and parts.scheme == "http"
    if not (parts.scheme == "https" or plain) or "@" in parts.netloc or parts.query:
        return None
    if port not in (None, 443) and not plain_allowed:
        return None
    path = parts.path.rstrip("/").removeprefix("/")
    return f"{parts.scheme}://{parts.netloc.lower()}/{path}" if _is_plain(path.split("/")) else None


def _at_known(host: str, parts: SplitResult) -> str | None:
    names = parts.path.strip("/").split("/")
    if host == "github.com":
        names = names[:2]
    else:
        ends = [number for number, name in enumerate(names) if name in _PAGES and number >= 2]
        names = names[: min(ends, default=len(names))]
    if len(names) < 2 or not _is_plain(names):
        return None
    last = names[-1].removesuffix(".git")
    return f"https://{host}/{'/'.join([*names[:-1], last])}.git" if last else None


def _is_plain(names: Sequence[str]) -> bool:
    """Return whether these are names of a path, and nothing that a server would read as more."""
    return len(names) <= _MOST_PARTS and all(_PART.fullmatch(each) and each not in (".", "..") for each in names)
