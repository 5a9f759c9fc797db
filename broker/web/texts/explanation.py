"""The shape of an explanation, and how a table's text becomes one for a particular provider."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urljoin

GITHUB = "github"
ENTRA = "entra"
MICROSOFT_ACCOUNT = "microsoft_account"
OIDC = "oidc"

# Where people turn on a second factor, unless the configured provider says otherwise.
_SET_UP = {
    MICROSOFT_ACCOUNT: "https://account.microsoft.com/security",
    ENTRA: "https://mysignins.microsoft.com/security-info",
    GITHUB: "https://github.com/settings/security",
}
_LABELS = {
    MICROSOFT_ACCOUNT: "Microsoft account security",
    ENTRA: "Your security info",
    GITHUB: "GitHub security settings",
    OIDC: "Security settings at {provider}",
}
_KNOWN_PAGES = {
    "https://myaccount.google.com/signinoptions/two-step-verification": "2-Step Verification at Google",
}


class Named(Protocol):
    """What an explanation needs to know of a provider."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def set_up_url(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A place to go, outside the broker."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is missing (title, sentence) and what to do next (steps, in order, and where)."""

    title: str
    sentence: str
    steps: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A row of a table. ``{provider}`` stands for the provider's name.

    ``set_up`` asks for the provider's page about second factors. The URL of a further link may be a path,
    which is one at the provider's own site.
    """

    title: str
    sentence: str
    steps: tuple[str, ...]
    set_up: bool = False
    links: tuple[Link, ...] = ()


def explain(text: Text, provider: Named) -> Explanation:
    """Return ``text`` as it reads for ``provider``."""
    links = (set_up_links(provider) if text.set_up else ()) + text.links
    site = provider.set_up_url or _SET_UP.get(provider.kind, "")
    return Explanation(
        title=_fill(text.title, provider),
        sentence=_fill(text.sentence, provider),
        steps=tuple(_fill(step, provider) for step in text.steps),
        links=tuple(Link(label=_fill(link.label, provider), url=urljoin(site, link.url)) for link in links),
    )


def set_up_links(provider: Named) -> tuple[Link, ...]:
    """Return where the person turns on a second factor at ``provider``; empty when nobody knows."""
    url = provider.set_up_url or _SET_UP.get(provider.kind)
    if url is None:
        return ()
    label = _KNOWN_PAGES.get(url) or _LABELS.get(provider.kind, _LABELS[OIDC])
    short_cut = (Link(label="Add a sign-in method", url="https://aka.ms/mfasetup"),)
    return (Link(label=label, url=url), *(short_cut if provider.kind == ENTRA else ()))


def _fill(text: str, provider: Named) -> str:
    return text.replace("{provider}", provider.name)
