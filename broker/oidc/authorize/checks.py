"""The checks of the authorization endpoint, one small function each."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from authlib.oauth2.rfc7636.challenge import CODE_CHALLENGE_PATTERN

from broker.oidc.clients import Client, Clients
from broker.oidc.errors import RedirectError
from broker.oidc.grant import SCOPE_OF_CLAIM
from broker.oidc.jose.dpop import is_jkt
from broker.oidc.jose.request_object import InvalidRequestObject, RequestObjects
from broker.oidc.pushed import PREFIX, PushedRequests
from broker.oidc.scopes import SCOPES
from broker.oidc.tokens.id_token import IdTokens
from broker.web.errors import BrokerError

RESPONSE_MODES = ("query", "form_post")
PROMPTS = frozenset({"none", "login", "consent", "select_account"})
MAX_VALUE_LENGTH = 4096
_NUMBER = re.compile(r"[0-9]{1,9}")
_PROVIDER = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What the checks look things up in. ``providers`` are the ids of those that are enabled."""

    clients: Clients
    providers: frozenset[str]
    id_tokens: IdTokens
    pushed: PushedRequests
    request_objects: RequestObjects


@dataclass(slots=True, kw_only=True)
class Draft:
    """A request under examination.

    ``parameters`` maps a name to all values it came with: those of the request at first, those of what it refers to
    as soon as that is known. ``problem`` is one that the registry is told as soon as there is somewhere to tell it.
    ``pushing``: it is being pushed, not answered yet.
    """

    parameters: Mapping[str, list[str]]
    client: Client
    knowledge: Knowledge
    now: datetime
    pushing: bool = False
    jkt: str | None = None
    redirect_uri: str = ""
    problem: RedirectError | None = None
    fields: dict[str, object] = field(default_factory=dict)

    def one(self, name: str) -> str | None:
        """Return the parameter's value. An empty one counts as omitted (RFC 6749 section 3.1)."""
        return self.parameters.get(name, [""])[0] or None

    def words(self, name: str) -> tuple[str, ...]:
        """Return a space-separated list in its order, each word once."""
        return tuple(dict.fromkeys((self.one(name) or "").split(" "))) if self.one(name) else ()


def known_client(parameters: Mapping[str, list[str]], clients: Clients) -> Client:
    """RFC 6749 section 4.1.1: ``client_id`` is required; 4.1.2.1: without a known client nothing is redirected."""
    named = parameters.get("client_id", [])
    if len(named) > 1:
        raise _shown("invalid_request", "The request names more than one application.")
    # Whether a kill switch is thrown is for whoever has read them.
    client = clients.enabled(named[0]) if named else None
    if client is None:
        raise unknown_client()
    return client


def unknown_client() -> BrokerError:
    """Return the error for a client that there is not, or not now."""
    return _shown("unknown_client", "We do not know the application that sent you here, or it is switched off.")


def source_of_parameters(draft: Draft) -> None:
    """RFC 9126 section 4 and RFC 9101 section 5: a pushed request, a signed one, or what the URL says."""
    client = draft.client
    references, objects = draft.parameters.get("request_uri", []), draft.parameters.get("request", [])
    if references and not draft.pushing and len(references) == 1 and references[0].startswith(PREFIX):
        _take_pushed(draft, client, references[0], alone=not objects)
    elif references:
        # Nothing is ever fetched from an address that a request names (attacks.md, T8 and T11).
        draft.problem = RedirectError("request_uri_not_supported", "request_uri must be one of a pushed request.")
    elif client.require_pushed_authorization_requests and not draft.pushing:
        draft.problem = RedirectError("invalid_request", "This client must push its requests (RFC 9126).")
    elif len(objects) == 1:
        _take_signed(draft, client, objects[0])
    elif objects or client.require_signed_request_object:
        draft.problem = RedirectError("invalid_request", "One signed request object is needed.")


def exact_redirect_uri(draft: Draft) -> None:
    """RFC 9700 section 2.1 and OpenID Connect Core 3.1.2.1: required, and equal to a registered one as a string."""
    given = draft.parameters.get("redirect_uri", [])
    if len(given) != 1 or not draft.client.check_redirect_uri(given[0]):
        raise _shown(
            "invalid_redirect_uri",
            "The application that sent you here gave an address that is not registered for it.",
        )
    draft.redirect_uri = given[0]
    draft.fields["redirect_uri"] = given[0]


def single_parameters(draft: Draft) -> None:
    """RFC 6749 section 3.1: no parameter more than once, known to us or not, but for ``resource``."""
    # RFC 8707 section 2 has resource repeated.
    if any(len(values) > 1 for name, values in draft.parameters.items() if name != "resource"):
        raise RedirectError("invalid_request", "A parameter was sent more than once.")


def sane_parameters(draft: Draft) -> None:
    """Nothing over 4096 characters, no control characters: none of ours needs them."""
    values = [value for each in draft.parameters.values() for value in each]
    if any(len(value) > MAX_VALUE_LENGTH or not value.isprintable() for value in values):
        raise RedirectError("invalid_request", "A parameter is too long or has control characters.")
    draft.fields["state"] = draft.one("state")
    draft.fields["nonce"] = draft.one("nonce")


def source_is_good(draft: Draft) -> None:
    """RFC 9101 section 6.1, RFC 9126 section 2.3: what was wrong with where the parameters came from."""
    if draft.problem is not None:
        raise draft.problem


def code_response_type(draft: Draft) -> None:
    """RFC 6749 section 3.1.1: only ``code``."""
    if draft.one("response_type") is None:
        raise RedirectError("invalid_request", "response_type is missing.")
    if draft.one("response_type") != "code":
        raise RedirectError("unsupported_response_type", "Only response_type=code is supported.")


def code_grant(draft: Draft) -> None:
    """RFC 6749 section 4.1.2.1: the client must be one that may ask for codes."""
    if not draft.client.check_grant_type("authorization_code"):
        raise RedirectError("unauthorized_client", "The client is not registered for codes.")


def known_response_mode(draft: Draft) -> None:
    """OAuth 2.0 Multiple Response Type Encoding Practices section 2.1, and Form Post Response Mode."""
    mode = draft.one("response_mode")
    if mode not in (None, *RESPONSE_MODES):
        raise RedirectError("invalid_request", "response_mode must be query or form_post.")
    draft.fields["form_post"] = mode == "form_post"


def openid_scope(draft: Draft) -> None:
    """OpenID Connect Core 3.1.2.1: ``openid`` is required; RFC 6749 section 3.3: what we do not grant is left out."""
    client = draft.client
    words = draft.words("scope")
    if "openid" not in words:
        raise RedirectError("invalid_scope", "The scope must contain openid.")
    draft.fields["scope"] = tuple(word for word in words if word in SCOPES and word in client.scopes)


def s256_challenge(draft: Draft) -> None:
    """RFC 7636 section 4.4.1 and RFC 9700 section 2.1.1: PKCE, S256 only, from all but who may do without."""
    challenge = draft.one("code_challenge")
    optional = draft.client.insecure_pkce_optional
    if challenge is None and optional and draft.one("code_challenge_method") is None:
        return
    if challenge is None:
        raise RedirectError("invalid_request", "code_challenge is missing.")
    if draft.one("code_challenge_method") != "S256":
        raise RedirectError("invalid_request", "code_challenge_method must be S256.")
    if len(challenge) != 43 or not CODE_CHALLENGE_PATTERN.match(challenge):
        raise RedirectError("invalid_request", "code_challenge is not the S256 of a verifier.")
    draft.fields["code_challenge"] = challenge


def known_prompt(draft: Draft) -> None:
    """OpenID Connect Core 3.1.2.1: known values, and ``none`` alone."""
    words = draft.words("prompt")
    if not PROMPTS.issuperset(words) or ("none" in words and len(words) > 1):
        raise RedirectError("invalid_request", "prompt has a value that is unknown, or none with others.")
    draft.fields["prompt"] = words


def whole_max_age(draft: Draft) -> None:
    """OpenID Connect Core 3.1.2.1: seconds. Zero is a demand, absence is none."""
    value = draft.one("max_age")
    if value is not None and not _NUMBER.fullmatch(value):
        raise RedirectError("invalid_request", "max_age must be a whole number of seconds.")
    draft.fields["max_age"] = int(value) if value is not None else None


def acr_preferences(draft: Draft) -> None:
    """OpenID Connect Core 3.1.2.1: in the order of preference, and voluntary."""
    draft.fields["acr_values"] = draft.words("acr_values")


def claims_parameter(draft: Draft) -> None:
    """OpenID Connect Core section 5.5: an object of objects; an essential ``acr`` or ``auth_time`` is a demand."""
    # What a client's registration has in every ID token is asked for each time, and consented to.
    registered = draft.client.id_token_claims
    draft.fields["id_token_claims"] = registered
    raw = draft.one("claims")
    if raw is None:
        return
    try:
        claims = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise RedirectError("invalid_request", "claims is not JSON.") from error
    id_token = _members(claims, "id_token")
    draft.fields["userinfo_claims"] = _named(_members(claims, "userinfo"), draft.client)
    draft.fields["id_token_claims"] = tuple(dict.fromkeys((*registered, *_named(id_token, draft.client))))
    essential, voluntary = _acr(id_token.get("acr"))
    draft.fields["essential_acr"] = essential
    if voluntary:
        draft.fields["acr_values"] = (*voluntary, *draft.words("acr_values"))
    draft.fields["auth_time_essential"] = _essential(id_token.get("auth_time"))
    subject = id_token.get("sub")
    wanted = subject.get("value") if isinstance(subject, dict) else None
    draft.fields["sub"] = wanted if isinstance(wanted, str) else None


def id_token_hint(draft: Draft) -> None:
    """OpenID Connect Core 3.1.2.1: a token of ours, expired or not, that names the user the registry means."""
    text = draft.one("id_token_hint")
    if text is None:
        return
    hint = draft.knowledge.id_tokens.hint(text, draft.now)
    # Another client's token may name the same person differently (section 8.1).
    if hint is None or hint.client_id != draft.client.client_id or draft.fields.get("sub") not in (None, hint.sub):
        raise RedirectError("invalid_request", "id_token_hint is not an ID token of ours for that user.")
    draft.fields["sub"] = hint.sub


def known_resources(draft: Draft) -> None:
    """RFC 8707 section 2: resources that the client is registered for."""
    wanted = tuple(dict.fromkeys(filter(None, draft.parameters.get("resource", []))))
    if not draft.client.resources.issuperset(wanted):
        raise RedirectError("invalid_target", "resource is not one that the client may ask for.")
    draft.fields["resources"] = wanted


def key_of_the_code(draft: Draft) -> None:
    """RFC 9449 section 10: the key that the code will be bound to, the one proven when the request was pushed."""
    jkt = draft.one("dpop_jkt")
    if jkt is not None and not is_jkt(jkt):
        raise RedirectError("invalid_request", "dpop_jkt is not the thumbprint of a key.")
    if draft.jkt is not None and jkt not in (None, draft.jkt):
        raise RedirectError("invalid_dpop_proof", "dpop_jkt and the proof are of different keys.")
    draft.fields["jkt"] = jkt or draft.jkt


def known_provider(draft: Draft) -> None:
    """Ours: the registry may name the provider to go to, one of those that may serve it."""
    wanted = draft.one("provider")
    if wanted is None:
        return
    if not _PROVIDER.fullmatch(wanted) or wanted not in draft.knowledge.providers or not draft.client.allows(wanted):
        raise RedirectError("invalid_request", "provider is not one that may serve this client.")
    draft.fields["provider"] = wanted


def _take_pushed(draft: Draft, client: Client, reference: str, *, alone: bool) -> None:
    pushed = draft.knowledge.pushed.find(reference, client.client_id) if alone else None
    if pushed is None:
        raise _shown("invalid_request_uri", "This sign-in is over, or was never prepared: its request is not here.")
    draft.parameters = pushed.parameters
    draft.jkt = pushed.jkt
    draft.fields["pushed"] = pushed.handle


def _take_signed(draft: Draft, client: Client, token: str) -> None:
    try:
        # RFC 9101 section 6.3: from here on, nothing outside of it counts.
        parameters = draft.knowledge.request_objects.parameters(token, client, draft.now)
    except InvalidRequestObject as error:
        draft.problem = RedirectError("invalid_request_object", str(error))
    else:
        draft.parameters = {**parameters, "client_id": [client.client_id]}


def _members(claims: object, name: str) -> dict[str, object]:
    if not isinstance(claims, dict):
        raise RedirectError("invalid_request", "claims must be a JSON object.")
    members = claims.get(name) or {}
    if not isinstance(members, dict) or not all(isinstance(each, dict | None) for each in members.values()):
        raise RedirectError("invalid_request", f"claims.{name} must be an object of objects or nulls.")
    return members


def _named(members: Mapping[str, object], client: Client) -> tuple[str, ...]:
    """Return the person's claims asked for by name, as far as the client's registered scopes reach."""
    return tuple(name for name, scope in SCOPE_OF_CLAIM.items() if name in members and scope in client.scopes)


def _essential(member: object) -> bool:
    return isinstance(member, dict) and member.get("essential") is True


def _acr(member: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (essential values, voluntary values) of a requested ``acr`` (section 5.5.1.1)."""
    if not isinstance(member, dict):
        return (), ()
    wanted = member.get("values", [member["value"]] if "value" in member else [])
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise RedirectError("invalid_request", "claims.id_token.acr must name strings.")
    values = tuple(dict.fromkeys(wanted))
    return (values, ()) if _essential(member) else ((), values)


def _shown(code: str, sentence: str) -> BrokerError:
    return BrokerError(
        status=400,
        code=code,
        sentence=sentence,
        next_step="Go back and try again. If it happens again, tell the people who run that application.",
        detail=code,
    )
