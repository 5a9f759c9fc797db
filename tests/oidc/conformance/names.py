"""The modules of the suite's plans, and the tables that hold a function for each."""

from collections.abc import Callable
from typing import Generic, TypeVar

Bench = TypeVar("Bench")
Module = Callable[[Bench], None]

CONFIG = ("oidcc-discovery-endpoint-verification",)

# oidcc-basic-certification-test-plan; oidcc-formpost-basic-certification-test-plan is the same with form_post.
BASIC = (
    "oidcc-server",
    "oidcc-response-type-missing",
    "oidcc-idtoken-signature",
    "oidcc-idtoken-unsigned",
    "oidcc-userinfo-get",
    "oidcc-userinfo-post-header",
    "oidcc-userinfo-post-body",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
    "oidcc-alternate-happy-flow",
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-1",
    "oidcc-max-age-10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
    "oidcc-id-token-hint",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-acr-values-succeeds",
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-ensure-registered-redirect-uri",
    "oidcc-ensure-post-request-succeeds",
    "oidcc-server-client-secret-post",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    "oidcc-claims-essential",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
)

RP_INITIATED_LOGOUT = (
    "oidcc-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-rp-initiated-logout",
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-modified-id-token-hint",
    "oidcc-rp-initiated-logout-no-id-token-hint",
    "oidcc-rp-initiated-logout-no-params",
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-no-state",
    "oidcc-rp-initiated-logout-only-state",
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-bad-id-token-hint",
)

BACKCHANNEL_LOGOUT = (
    "oidcc-backchannel-logout-discovery-endpoint-verification",
    "oidcc-backchannel-rp-initiated-logout",
)

# fapi2-security-profile-final-test-plan with private_key_jwt, dpop, openid_connect and plain_fapi. Left out are the
# modules of single ecosystems (Brazil, ConnectID, CDR) and those of Grant Management.
# "ensure-registered-redirect-uri" is for the other profiles, but a rule of ours all the same.
FAPI2 = tuple(
    f"fapi2-security-profile-final-{name}"
    for name in (
        "discovery-end-point-verification",
        "happy-flow",
        "user-rejects-authentication",
        "ensure-authorization-request-without-state-success",
        "ensure-authorization-request-without-nonce-success",
        "ensure-authorization-request-with-64-char-nonce-success",
        "ensure-other-scope-order-succeeds",
        "test-claims-parameter-identity-claims",
        "access-token-type-header-case-sensitivity",
        "check-dpop-proof-nbf-exp",
        "ensure-dpopproof-with-iat-10seconds-before-succeeds",
        "ensure-dpopproof-with-iat-10seconds-after-succeeds",
        "ensure-mismatched-dpop-jkt-fails",
        "ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt",
        "ensure-token-endpoint-fails-with-mismatched-dpop-jkt",
        "ensure-dpopproof-at-par-endpoint-binding-success",
        "ensure-dpop-auth-code-binding-success",
        "ensure-different-nonce-inside-and-outside-request-object",
        "ensure-different-state-inside-and-outside-request-object",
        "ensure-authorization-request-with-long-nonce",
        "ensure-authorization-request-with-long-state",
        "state-only-outside-request-object-not-used",
        "ensure-request-object-without-redirect-uri-fails",
        "ensure-registered-redirect-uri",
        "plain-fapi-tolerate-unregistered-redirect-uri",
        "ensure-unsigned-authorization-request-without-using-par-fails",
        "ensure-redirect-uri-in-authorization-request",
        "ensure-response-type-code-idtoken-fails",
        "ensure-response-type-token-fails",
        "ensure-client-id-in-token-endpoint",
        "ensure-holder-of-key-required",
        "ensure-authorization-code-is-bound-to-client",
        "attempt-reuse-authorization-code-after-one-second",
        "ensure-token-endpoint-fails-with-expired-auth-code",
        "ensure-signed-client-assertion-with-RS256-fails",
        "ensure-client-assertion-in-token-endpoint",
        "ensure-client-assertion-with-exp-is-5-minutes-in-past-fails",
        "ensure-client-assertion-with-wrong-aud-fails",
        "ensure-client-assertion-with-no-sub-fails",
        "ensure-invalid-client-assertions-fail",
        "dpop-negative-tests",
        "refresh-token",
        "par-ensure-reused-request-uri-prior-to-auth-completion-succeeds",
        "par-attempt-reuse-request_uri",
        "par-attempt-to-use-expired-request_uri",
        "par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted",
        "par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails",
        "par-attempt-to-use-request_uri-for-different-client",
        "par-authorization-request-containing-request_uri-form-param",
        "par-attempt-invalid-http-method",
        "par-ensure-pkce-required",
        "ensure-pkce-code-verifier-required",
        "incorrect-pkce-code-verifier-rejected",
        "par-plain-pkce-rejected",
        "par-without-duplicate-parameters",
        "par-test-array-as-audience-fails",
        "par-test-par-endpoint-url-as-audience-fails",
        "par-test-token-endpoint-url-as-audience-fails",
    )
)


class Modules(Generic[Bench]):
    """A table of module name -> what the module does. ``prefix`` is what all its names begin with."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._functions: dict[str, Module[Bench]] = {}

    def __call__(self, *names: str) -> Callable[[Module[Bench]], Module[Bench]]:
        """Enter a function for one module, or for several that differ in name only."""

        def enter(function: Module[Bench]) -> Module[Bench]:
            for name in names:
                full = self._prefix + name
                if full in self._functions:
                    raise ValueError(f"{full} stands there twice")
                self._functions[full] = function
            return function

        return enter

    def run(self, name: str, bench: Bench) -> None:
        """Do what a module does. Raises ``KeyError`` for one that nobody wrote."""
        self._functions[name](bench)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._functions)
