"""What somebody outside may not have, though an operator may: a table of rules, one small function each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from broker.oidc.jose.jwk import PublicKey, algorithms_of, fits, read_key
from broker.oidc.registration.metadata import on_loopback, wrong
from broker.oidc.scopes import MANAGEMENT, REGISTRY_ACCOUNTS
from broker.settings import ClientMetadata
from broker.settings.clients import DEVICE_CODE
from broker.settings.values import is_loopback

_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: the ``document`` as it came, without its nulls, and the metadata that was read from it."""

    document: Mapping[str, object]
    metadata: ClientMetadata
    issuer: str
    insecure_allow_private_addresses: bool


def check(asked: Asked) -> None:
    """Raise :class:`~broker.oidc.registration.metadata.Unacceptable` for the first rule that is broken."""
    for rule in _RULES:
        rule(asked)


def _people_only(asked: Asked) -> None:
    """A client that acts for itself is a client of the operator's."""
    if "client_credentials" in asked.metadata.grant_types:
        raise wrong("grant_types", "has client_credentials, which only an operator gives")


def _manages_nothing(asked: Asked) -> None:
    """What could change organisations is a client of the operator's."""
    if not MANAGEMENT.isdisjoint(asked.metadata.scopes):
        raise wrong("scope", "has a scope of the management API, which only an operator gives")


def _of_the_old_world(asked: Asked) -> None:
    """Whose old accounts are whose is for the registry whose they were."""
    if REGISTRY_ACCOUNTS in asked.metadata.scopes:
        raise wrong("scope", "has registry_accounts, which only an operator gives")


def _code_or_nothing(asked: Asked) -> None:
    """RFC 7591 section 2.1: response types go with grant types; there is only ``code``."""
    fitting = ["code"] if "authorization_code" in asked.metadata.grant_types else []
    if asked.document.get("response_types", fitting) != fitting:
        raise wrong("response_types", f"does not go with the grant types; right would be: {fitting}")


def _kind_of_application(asked: Asked) -> None:
    """OpenID Connect Dynamic Client Registration 1.0 section 2: only native applications live on the user's machine."""
    kind = asked.document.get("application_type", "web")
    if kind not in ("web", "native"):
        raise wrong("application_type", "is neither web nor native")
    for member, uris in (
        ("redirect_uris", asked.metadata.redirect_uris),
        ("post_logout_redirect_uris", asked.metadata.post_logout_redirect_uris),
    ):
        if kind == "web" and any(map(on_loopback, uris)):
            raise wrong(member, "is on the user's own machine, which only application_type native may be")


def _elsewhere(asked: Asked) -> None:
    """Nothing of a client is on our own origin: not where answers go, and not its keys, which would be ours."""
    for member, url in _urls(asked.metadata):
        if _origin(url) == _origin(asked.issuer):
            raise wrong(member, "is at this server")


def _reachable(asked: Asked) -> None:
    """What we are to call is https, and no address of a private network. Names are checked at each call."""
    if asked.insecure_allow_private_addresses:
        return
    for member, url in _called(asked.metadata):
        parts = urlsplit(url)
        if parts.scheme != "https" or not _may_be_public(parts.hostname):
            raise wrong(member, "is not an https URL at a public address")


def _pairwise_is_proven(asked: Asked) -> None:
    """OpenID Connect Core section 8.1: who shares a sector's subjects must be reached at that sector.

    Only an answer by redirect shows that. By the device grant, anybody who names another's redirect URIs would be
    told what the other's users are called there.
    """
    grants = asked.metadata.grant_types
    if asked.metadata.subject_type == "pairwise" and ("authorization_code" not in grants or DEVICE_CODE in grants):
        raise wrong("subject_type", "is pairwise, which takes grant authorization_code, and no device grant beside it")


def _usable_keys(asked: Asked) -> None:
    """RFC 7517 section 5: keys that nobody here can use may be in a set, but not they alone."""
    metadata = asked.metadata
    if metadata.jwks is None:
        return
    keys = list(_keys(metadata.jwks))
    wanted = [algorithms_of(metadata.token_endpoint_auth_signing_alg)] * (metadata.auth_method == "private_key_jwt")
    wanted += [algorithms_of(metadata.request_object_signing_alg)] * metadata.require_signed_request_object
    if not keys:
        raise wrong("jwks", "has no key that is of use here")
    for algorithms in wanted:
        if not any(fits(key, algorithm) for key in keys for algorithm in algorithms):
            raise wrong("jwks", f"has no key for any of {', '.join(sorted(algorithms))}")


_RULES: tuple[Callable[[Asked], None], ...] = (
    _people_only,
    _manages_nothing,
    _of_the_old_world,
    _code_or_nothing,
    _kind_of_application,
    _elsewhere,
    _reachable,
    _pairwise_is_proven,
    _usable_keys,
)


def _called(metadata: ClientMetadata) -> Iterator[tuple[str, str]]:
    for member in ("jwks_uri", "sector_identifier_uri", "backchannel_logout_uri"):
        url = getattr(metadata, member)
        if url is not None:
            yield member, url


def _urls(metadata: ClientMetadata) -> Iterator[tuple[str, str]]:
    for member in ("redirect_uris", "post_logout_redirect_uris"):
        for url in getattr(metadata, member):
            yield member, url
    yield from _called(metadata)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _may_be_public(host: str | None) -> bool:
    if is_loopback(host):
        return False
    try:
        return ip_address(host or "").is_global
    except ValueError:
        return True


def _keys(jwks: Mapping[str, object]) -> Iterator[PublicKey]:
    keys = jwks["keys"]
    for key in keys if isinstance(keys, list) else ():
        try:
            yield read_key(key)
        except ValueError:
            continue
