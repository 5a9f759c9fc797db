"""One app registration at one authority, on MSAL.

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast
from urllib.parse import urlencode

import msal

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What a code was worth, none of it validated. ``nonce`` is what the ID token must carry."""

    id_token: str = field(repr=False)
    access_token: str | None = field(repr=False)
    nonce: str = field(repr=False)


class Registration:
    """One app registration at ``{instance}/{selector}``, such as ``https://login.microsoftonline.com/organizations``.

    ``issuer`` is what the discovery document says there. ``clock`` counts seconds.
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
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._authority = f"{instance}/{selector}"
        self._callback_url = callback_url
        self._back_channel = partial(BackChannel, instance, issuer, ca_bundle)
        self._clock = clock
        # MSAL promises nothing about threads, nor does requests: whoever uses an application has it alone.
        self._idle: deque[tuple[float, msal.ConfidentialClientApplication]] = deque(maxlen=16)

    def begin(
        self,
        ask: Ask,
        *,
        scopes: Sequence[str],
        claims: Mapping[str, object] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Redirect:
        """Return the authorization request. ``extra`` are parameters that MSAL has no name for.

        Raises :class:`ProviderError` when the authority's discovery document cannot be had.
        """
        with self._application() as application:
            flow = application.initiate_auth_code_flow(
                scopes=list(scopes),
                redirect_uri=self._callback_url,
                prompt="login" if ask.reauthenticate else "select_account" if ask.select_account else None,
                claims_challenge=json.dumps(claims) if claims else None,
                max_age=ask.max_age,
                response_mode="form_post",
            )
        url = flow.pop("auth_uri") + (f"&{urlencode(extra)}" if extra else "")
        flow.pop("max_age", None)  # whether the authentication is recent enough is for policy to say, not for MSAL
        private = {"authority": self._authority, "msal": flow, "force_mfa": ask.force_mfa}
        return Redirect(url=url, state=flow["state"], flow=private)

    def redeem(self, flow: Mapping[str, object], returned: Return) -> Tokens:
        """Return what the code that came back is worth. Raises :class:`ProviderError`."""
        kept = cast(dict[str, str], flow["msal"])
        if returned.method != "POST":
            raise ProviderError(Fault.INVALID_RESPONSE, "the response did not come as form_post")
        state = returned.parameters.get("state", "").encode(errors="replace")
        if not hmac.compare_digest(state, kept["state"].encode()):
            raise ProviderError(Fault.INVALID_RESPONSE, "the response belongs to another flow")
        if flow["authority"] != self._authority:
            raise ProviderError(Fault.EXPIRED, "the authority changed while the user was away")
        if "error" in returned.parameters:
            raise refusal(returned.parameters, again=ask_again(flow))
        code = returned.parameters.get("code")
        if not code:
            raise ProviderError(Fault.INVALID_RESPONSE, "the response has neither code nor error")
        result = self._redeem(kept, code)
        if "error" in result:
            raise refusal(result, again=ask_again(flow, result.get("claims")))
        id_token, access_token = result.get("id_token"), result.get("access_token")
        if not isinstance(id_token, str):
            raise ProviderError(Fault.INVALID_RESPONSE, "the token response has no ID token")
        return Tokens(
            id_token=id_token,
            access_token=access_token if isinstance(access_token, str) else None,
            nonce=hashlib.sha256(kept["nonce"].encode()).hexdigest(),  # MSAL sends the hash
        )

    def _redeem(self, kept: Mapping[str, str], code: str) -> Mapping[str, object]:
        # A copy, because MSAL changes the flow. Of the response only these two: MSAL would decode client_info
        # unchecked, and send the user's id on in a header.
        response = {"code": code, "state": kept["state"]}
        with self._application() as application:
            try:
                return cast(Mapping[str, object], application.acquire_token_by_auth_code_flow(dict(kept), response))
            except _UNREADABLE as error:
                unreadable = type(error).__name__
        raise ProviderError(Fault.INVALID_RESPONSE, f"MSAL could not read the token response: {unreadable}")

    @contextmanager
    def _application(self) -> Iterator[msal.ConfidentialClientApplication]:
        born, application = self._idle_application() or (self._clock(), self._build())
        yield application
        self._idle.append((born, application))  # one that raised is not used again

    def _idle_application(self) -> tuple[float, msal.ConfidentialClientApplication] | None:
        with suppress(IndexError):  # nobody has left one
            born, application = self._idle.pop()
            if self._clock() - born < DISCOVERY_LIFETIME:
                return born, application
        return None

    def _build(self) -> msal.ConfidentialClientApplication:
        try:
            return msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=self._client_secret,
                authority=self._authority,
                http_client=self._back_channel(),
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
    return Ask(
        force_mfa=True,
        claims_challenge=claims_challenge if isinstance(claims_challenge, str) else None,
    )


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
