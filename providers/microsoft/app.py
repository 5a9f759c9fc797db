"""One app registration, on MSAL: at the authority in the configuration, or at one tenant's.

MSAL builds the authorization request (PKCE, state, nonce) and redeems the code. It validates no token, caches
what it gets and logs what it cannot read: tokens.py does the first, and this file sees to the others.
"""

import hashlib
import hmac
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import cast
from urllib.parse import urlencode

import msal

from providers.circuit import Circuit
from providers.microsoft.aadsts import refusal
from providers.microsoft.channel import BackChannel
from providers.provider import Ask, Fault, ProviderError, Redirect, Return

# MSAL logs whole token responses at ERROR and claims at WARNING; propagation off silences its child loggers too.
logging.getLogger("msal").addHandler(logging.NullHandler())
logging.getLogger("msal").propagate = False

DISCOVERY_LIFETIME = 3600.0
"""Seconds until discovery is asked again, so that a change at Microsoft needs no restart here."""

# What MSAL raises over a response of the wrong shape: it reads tokens unverified and without looking first. Its
# messages quote them, so they are neither passed on nor chained.
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RuntimeError)

_AUTHORIZE = "/oauth2/v2.0/authorize"
_MOST_IDLE = 16  # applications, of all authorities together: whoever names a tenant makes us build one


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a code was worth at ``authority``, none of it validated. ``nonce`` is what the ID token must carry."""

    authority: str
    id_token: str = field(repr=False)
    access_token: str | None = field(repr=False)
    nonce: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Authority:
    """``issuer`` is what its discovery document says; ``unknown`` the fault where Microsoft knows no such one."""

    url: str
    issuer: str
    unknown: Fault = Fault.MISCONFIGURED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Idle:
    """An application nobody uses just now, and when it was built."""

    authority: str
    born: float
    application: msal.ConfidentialClientApplication


class Registration:
    """One app registration at ``{instance}/{selector}``, such as ``https://login.microsoftonline.com/organizations``.

    ``issuer`` is what the discovery document says there. A sign-in that names a tenant goes to ``{instance}/{tenant}``
    instead, and ends there: Microsoft redeems a code where it was asked for. ``clock`` counts seconds.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        instance: str,
        selector: str,
        issuer: str,
        callback_url: str,
        ca_bundle: Path | None,
        circuit: Circuit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._instance = instance
        self._selector = selector
        self._own = _Authority(url=f"{instance}/{selector}", issuer=issuer)
        self._callback_url = callback_url
        self._back_channel = partial(BackChannel, instance, ca_bundle=ca_bundle, circuit=circuit)
        self._clock = clock
        # MSAL promises nothing about threads, nor does requests: whoever uses an application has it alone.
        self._idle: deque[_Idle] = deque(maxlen=_MOST_IDLE)
        self._lock = Lock()

    def begin(
        self,
        ask: Ask,
        *,
        scopes: Sequence[str],
        claims: Mapping[str, object] | None = None,
        extra: Mapping[str, str] | None = None,
        tenant: str | None = None,
        domain_hint: str | None = None,
    ) -> Redirect:
        """Return the authorization request. ``extra`` are parameters that MSAL has no name for.

        ``tenant`` (a ``tid``) and ``domain_hint`` are believed as they are; those in ``ask`` are not looked at. Raises
        :class:`ProviderError` when the authority's discovery document cannot be had.
        """
        authority = self._authority(tenant)
        with self._application(authority) as application:
            flow = application.initiate_auth_code_flow(
                scopes=list(scopes),
                redirect_uri=self._callback_url,
                prompt=_prompt(ask),
                claims_challenge=json.dumps(claims) if claims else None,
                # There is one prompt; where consent takes it, this makes the user authenticate as "login" would.
                max_age=0 if ask.consent and ask.reauthenticate else ask.max_age,
                response_mode="form_post",
                domain_hint=domain_hint,
            )
        url = flow.pop("auth_uri") + (f"&{urlencode(extra)}" if extra else "")
        flow.pop("max_age", None)  # whether the authentication is recent enough is for policy to say, not for MSAL
        private = {
            "authority": authority.url,
            "tenant": tenant,
            "mapping": ask.mapping,
            "msal": flow,
            "force_mfa": ask.force_mfa,
            "consent": ask.consent,
        }
        return Redirect(url=url, state=flow["state"], flow=private)

    def redeem(self, flow: Mapping[str, object], returned: Return) -> Tokens:
        """Return what the code that came back is worth. Raises :class:`ProviderError`."""
        kept = cast(dict[str, str], flow["msal"])
        if returned.method != "POST":
            raise ProviderError(Fault.INVALID_RESPONSE, "the response did not come as form_post")
        state = returned.parameters.get("state", "").encode(errors="replace")
        if not hmac.compare_digest(state, kept["state"].encode()):
            raise ProviderError(Fault.INVALID_RESPONSE, "the response belongs to another flow")
        authority = self._authority(tenant_of(flow))
        if flow["authority"] != authority.url:
            raise ProviderError(Fault.EXPIRED, "the authority changed while the user was away")
        if "error" in returned.parameters:
            raise _refusal(flow, returned.parameters, ask_again(flow))
        code = returned.parameters.get("code")
        if not code:
            raise ProviderError(Fault.INVALID_RESPONSE, "the response has neither code nor error")
        result = self._redeem(authority, kept, code)
        if "error" in result:
            raise _refusal(flow, result, ask_again(flow, result.get("claims")))
        id_token, access_token = result.get("id_token"), result.get("access_token")
        if not isinstance(id_token, str):
            raise ProviderError(Fault.INVALID_RESPONSE, "the token response has no ID token")
        return Tokens(
            authority=authority.url,
            id_token=id_token,
            access_token=access_token if isinstance(access_token, str) else None,
            nonce=hashlib.sha256(kept["nonce"].encode()).hexdigest(),  # MSAL sends the hash
        )

    def beside_authorization(self, path: str, tenant: str) -> str:
        """Return the address of ``path`` where the browser would be sent to sign in at ``tenant``.

        Raises :class:`ProviderError` as ``begin``.
        """
        with self._application(self._authority(tenant)) as application:
            endpoint = str(application.authority.authorization_endpoint)
        if not endpoint.endswith(_AUTHORIZE):
            raise ProviderError(Fault.MISCONFIGURED, "the authorization endpoint is not where Microsoft's is")
        return endpoint.removesuffix(_AUTHORIZE) + path

    def _authority(self, tenant: str | None) -> _Authority:
        if tenant is None or tenant == self._selector:
            return self._own
        url = f"{self._instance}/{tenant}"
        return _Authority(url=url, issuer=f"{url}/v2.0", unknown=Fault.TENANT_NOT_ALLOWED)

    def _redeem(self, authority: _Authority, kept: Mapping[str, str], code: str) -> Mapping[str, object]:
        # A copy, because MSAL changes the flow. Of the response only these two: MSAL would decode client_info
        # unchecked, and send the user's id on in a header.
        response = {"code": code, "state": kept["state"]}
        with self._application(authority) as application:
            try:
                return cast(Mapping[str, object], application.acquire_token_by_auth_code_flow(dict(kept), response))
            except _UNREADABLE as error:
                unreadable = type(error).__name__
        raise ProviderError(Fault.INVALID_RESPONSE, f"MSAL could not read the token response: {unreadable}")

    @contextmanager
    def _application(self, authority: _Authority) -> Iterator[msal.ConfidentialClientApplication]:
        used = self._take_idle(authority) or _Idle(
            authority=authority.url, born=self._clock(), application=self._build(authority)
        )
        yield used.application
        with self._lock:
            self._idle.append(used)  # one that raised is not used again; the one unused longest makes room

    def _take_idle(self, authority: _Authority) -> _Idle | None:
        with self._lock:
            found = next((each for each in reversed(self._idle) if each.authority == authority.url), None)
            if found is not None:
                self._idle.remove(found)
        return found if found is not None and self._clock() - found.born < DISCOVERY_LIFETIME else None

    def _build(self, authority: _Authority) -> msal.ConfidentialClientApplication:
        try:
            return msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=self._client_secret,
                authority=authority.url,
                http_client=self._back_channel(issuer=authority.issuer, unknown=authority.unknown),
                http_cache=_NoMemory(),
                token_cache=_NoTokens(),
                exclude_scopes=["offline_access"],
                instance_discovery=False,  # the operator names the instance; for Microsoft's own hosts MSAL skips it
                azure_region=False,  # otherwise MSAL_FORCE_REGION in the environment chooses the host
            )
        except _UNREADABLE as error:
            unreadable = type(error).__name__
        raise ProviderError(Fault.UNAVAILABLE, f"MSAL could not read the discovery document: {unreadable}")


def ask_again(flow: Mapping[str, object], claims_challenge: object = None) -> Ask | None:
    """Return what to ask after ``flow`` if the evidence does not do; none when MFA was insisted on already."""
    if flow["force_mfa"]:
        return None
    return replace(
        _same(flow),
        force_mfa=True,
        claims_challenge=claims_challenge if isinstance(claims_challenge, str) else None,
    )


def tenant_of(flow: Mapping[str, object]) -> str | None:
    """Return the tenant that ``begin`` was told to sign in at."""
    tenant = flow.get("tenant")
    return tenant if isinstance(tenant, str) else None


def is_mapping(flow: Mapping[str, object]) -> bool:
    """Return whether ``flow`` was begun as a mapping sign-in. It cannot be completed as another one."""
    return flow.get("mapping") is True


def _same(flow: Mapping[str, object]) -> Ask:
    """Return what leads to the same place once more."""
    return Ask(force_mfa=flow["force_mfa"] is True, tenant=tenant_of(flow), mapping=is_mapping(flow))


def _refusal(flow: Mapping[str, object], error: Mapping[str, object], again: Ask | None) -> ProviderError:
    return refusal(
        error,
        again=again,
        consent=None if flow.get("consent") is True else replace(_same(flow), consent=True),
        at_tenant=tenant_of(flow) is not None,
    )


def _prompt(ask: Ask) -> str | None:
    if ask.consent:
        return "consent"
    return "login" if ask.reauthenticate else "select_account" if ask.select_account else None


class _NoTokens(msal.TokenCache):  # type: ignore[misc]  # MSAL ships no types
    """A token cache that keeps nothing: no token outlives the call that it came in."""

    def add(self, event: object, now: object = None) -> None:
        """Keep nothing."""


class _NoMemory(dict[str, object]):
    """An HTTP cache that keeps nothing.

    MSAL would keep discovery for a day, and for up to an hour any token response that carries Retry-After.
    """

    def __setitem__(self, key: str, value: object) -> None:
        """Keep nothing."""
