"""A request to log out, and its checks (OpenID Connect RP-Initiated Logout 1.0)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from broker.oidc.clients import Client, Clients
from broker.oidc.tokens.id_token import Hint, IdTokens
from broker.web.errors import BrokerError

# The others of section 2, logout_hint and ui_locales, are accepted, and change nothing.
_PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """What a registry asks for, once every check has passed.

    ``client`` none: the registry did not say who it is. ``return_url`` has the ``state`` in it, and none where the
    person stays here.
    """

    client: Client | None = None
    hint: Hint | None = None
    post_logout_redirect_uri: str | None = None
    state: str | None = None

    @property
    def return_url(self) -> str | None:
        """Where the person goes afterwards (section 3)."""
        url = self.post_logout_redirect_uri
        if url is None or self.state is None:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode({'state': self.state})}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """What a check has to go by."""

    given: Mapping[str, str]
    clients: Clients
    id_tokens: IdTokens
    now: datetime


Check = Callable[[LogoutRequest, Checking], LogoutRequest]


def read(
    parameters: Mapping[str, Sequence[str]], clients: Clients, id_tokens: IdTokens, now: datetime
) -> LogoutRequest:
    """Return what is asked for. Raises ``BrokerError``, which is shown here and never sent anywhere."""
    # Section 2 by way of RFC 6749 section 3.1: once each, and one without a value counts as left out.
    if any(len(values) > 1 for values in parameters.values()):
        raise refused("A part of it was sent more than once.", "duplicate parameter")
    given = {name: parameters[name][0] for name in _PARAMETERS if parameters.get(name, [""])[0]}
    asked = LogoutRequest(state=given.get("state"))
    checking = Checking(given=given, clients=clients, id_tokens=id_tokens, now=now)
    for check in CHECKS:
        asked = check(asked, checking)
    return asked


def hint(asked: LogoutRequest, checking: Checking) -> LogoutRequest:
    """Sections 2 and 4: an ID token that we issued, be it expired."""
    token = checking.given.get("id_token_hint")
    if token is None:
        return asked
    found = checking.id_tokens.hint(token, checking.now)
    if found is None:
        raise refused("It names a sign-in that is not one of ours, or is from long ago.", "id_token_hint not ours")
    return replace(asked, hint=found)


def client(asked: LogoutRequest, checking: Checking) -> LogoutRequest:
    """Section 2: who asks, by ``client_id`` or by the hint, and the same by both."""
    client_id = checking.given.get("client_id")
    if asked.hint is not None and client_id not in (None, asked.hint.client_id):
        raise refused("It names two different registries.", "client_id is not the audience of id_token_hint")
    known_as = asked.hint.client_id if asked.hint is not None else client_id
    if known_as is None:
        return asked
    found = checking.clients.get(known_as)
    if found is None:
        raise refused("The registry it comes from is not known here, or is switched off.", "no such client")
    return replace(asked, client=found)


def post_logout_redirect_uri(asked: LogoutRequest, checking: Checking) -> LogoutRequest:
    """Sections 2 and 3: one of the client's, compared as strings. Nobody's is not an address to go to."""
    url = checking.given.get("post_logout_redirect_uri")
    if url is None or asked.client is None:
        return asked
    if url not in asked.client.post_logout_redirect_uris:
        raise refused("It gives an address to return to that the registry has not registered with us.", "not its URI")
    return replace(asked, post_logout_redirect_uri=url)


CHECKS: tuple[Check, ...] = (hint, client, post_logout_redirect_uri)


def refused(sentence: str, detail: str) -> BrokerError:
    """Return the error for a request that is not followed. ``sentence`` says what is wrong with it."""
    return BrokerError(
        status=400,
        code="invalid_logout_request",
        title="This sign-out does not add up",
        sentence=f"{sentence} Nothing was changed.",
        next_step="You can sign out here instead.",
        detail=detail,
        link=("Sign out here", "/logout"),
    )
