"""Hand-picked shapes of raw tokens: what providers may send, what attackers and bugs have sent (T2)."""

import pytest

from claims.decision import Reason
from claims.evidence import Binding, Strength
from tests.claims.samples import MSA_DEFAULT, MSA_MFA, judged

MFA, PHR, SINGLE, NONE = Strength.MFA, Strength.PHISHING_RESISTANT, Strength.SINGLE, Strength.NONE
DEEP: list[object] = ["mfa"]
for _ in range(500):
    DEEP = [DEEP]


def access(amr: object, **others: object) -> dict[str, object]:
    return {"access_token": {"ver": "1.0", "amr": amr, **others}}


def identity(**claims: object) -> dict[str, object]:
    return {"id_token": {"ver": "2.0", **claims}}


def user(two_factor_authentication: object) -> dict[str, object]:
    return {"user": {"id": 583231, "two_factor_authentication": two_factor_authentication}}


ACCEPTED = [
    ("entra", access(["pwd", "mfa"]), MFA, Binding.SESSION),
    ("entra", access(["mfa", "rsa", "pwd"]), MFA, Binding.SESSION),
    ("entra", access(["mfa"]), MFA, Binding.SESSION),
    ("entra", access(["ngcmfa"]), MFA, Binding.SESSION),
    ("entra", access(["pwd", "a-value-of-tomorrow", "mfa"]), MFA, Binding.SESSION),
    ("entra", {**access(["mfa"]), **identity(amr=None, acrs=7)}, MFA, Binding.SESSION),
    ("entra_attested", identity(acrs=["c1"]), MFA, Binding.ATTESTED),
    ("entra_attested", identity(acrs=["c2"]), PHR, Binding.ATTESTED),
    ("entra_attested", identity(acrs=["c1", "c2", "c9"]), PHR, Binding.ATTESTED),
    ("entra_attested", {**access(["pwd", "mfa"]), **identity(acrs=["c1"])}, MFA, Binding.SESSION),
    ("entra_attested", {**access(["pwd", "mfa"]), **identity(acrs=["c2"])}, PHR, Binding.ATTESTED),
    ("entra_attested", {**access("mfa"), **identity(acrs=["c1"])}, MFA, Binding.ATTESTED),
    ("microsoft_account", identity(acr=MSA_MFA), MFA, Binding.SESSION),
    ("github", user(True), MFA, Binding.ACCOUNT_STATE),
    ("oidc", identity(amr=["otp", "mfa"]), MFA, Binding.SESSION),
    ("oidc", identity(acr="phr"), PHR, Binding.SESSION),
    ("oidc", identity(acr="phrh", amr="mfa"), PHR, Binding.SESSION),
    ("oidc", identity(acr="1", amr=["mfa"]), MFA, Binding.SESSION),
]

# (provider, documents, strength of what was disclosed; None: nothing was)
REFUSED = [
    # Entra: single methods, and words that only sound like MFA
    ("entra", access(["pwd"]), SINGLE),
    ("entra", access(["rsa"]), SINGLE),
    ("entra", access(["pwd", "rsa"]), SINGLE),
    ("entra", access(["pwd", "otp"]), SINGLE),
    ("entra", access(["otp"]), SINGLE),
    ("entra", access(["fed"]), SINGLE),
    ("entra", access(["wia"]), SINGLE),
    ("entra", access(["wiaormfa"]), SINGLE),
    *(("entra", access([method]), SINGLE) for method in ("fido", "hwk", "swk", "sms", "face", "pin")),
    ("entra", access(["pwd", "fido"]), SINGLE),
    ("entra", access(["none"]), NONE),
    ("entra", access(["MFA"]), None),
    ("entra", access(["mfa "]), None),
    ("entra", access(["mfa\x00"]), None),
    ("entra", access(["ｍｆａ"]), None),
    ("entra", access(["mfaa", "xmfa", "ngc"]), None),
    # Entra: wrong types
    ("entra", access("mfa"), None),
    ("entra", access("pwd mfa"), None),
    ("entra", access("pwd,mfa"), None),
    ("entra", access('["mfa"]'), None),
    ("entra", access(None), None),
    ("entra", access(True), None),
    ("entra", access(1), None),
    ("entra", access([]), None),
    ("entra", access({}), None),
    ("entra", access({"mfa": True}), None),
    ("entra", access({"0": "mfa"}), None),
    ("entra", access([["mfa"]]), None),
    ("entra", access(DEEP), None),
    ("entra", access([{"value": "mfa"}]), None),
    ("entra", access(["mfa", None]), None),
    ("entra", access(["mfa", 1]), None),
    ("entra", access(["mfa", True]), None),
    ("entra", access(["mfa", ["pwd"]]), None),
    ("entra", access(["mfa", ""]), None),
    ("entra", access(["mfa", "mfa"]), None),
    ("entra", access(["pwd", "pwd", "mfa"]), None),
    ("entra", access(["mfa", *(f"x{number}" for number in range(64))]), None),
    ("entra", access(["mfa", "x" * 1025]), None),
    # Entra: the right word in the wrong place
    ("entra", {}, None),
    ("entra", {"access_token": None}, None),
    ("entra", {"access_token": []}, None),
    ("entra", {"access_token": "mfa"}, None),
    ("entra", {"access_token": ["amr", "mfa"]}, None),
    ("entra", {"amr": ["mfa"]}, None),
    ("entra", {"access_token": {"AMR": ["mfa"]}}, None),
    ("entra", {"access_token": {"claims": {"amr": ["mfa"]}}}, None),
    ("entra", {"access_token": {"amr_values": ["mfa"], "scp": "mfa_evidence"}}, None),
    ("entra", {"access_token": {"acr": "1"}}, None),
    ("entra", {"access_token": {"acr": MSA_MFA}}, None),
    ("entra", identity(amr=["mfa"]), None),
    ("entra", identity(acr=MSA_MFA), None),
    ("entra", {"user": {"amr": ["mfa"], "two_factor_authentication": True}}, None),
    # Entra: authentication contexts without, beside or short of an attestation
    ("entra", identity(acrs=["c1"]), None),
    ("entra_attested", identity(acrs=["c3"]), None),
    ("entra_attested", identity(acrs=["C1"]), None),
    ("entra_attested", identity(acrs="c1"), None),
    ("entra_attested", identity(acrs=["c1", "c1"]), None),
    ("entra_attested", identity(acrs=["c1", 1]), None),
    ("entra_attested", identity(acrs={"c1": True}), None),
    ("entra_attested", identity(acrs=None), None),
    ("entra_attested", identity(acr="c1"), None),
    ("entra_attested", {"access_token": {"acrs": ["c1"]}}, None),
    # Microsoft account
    ("microsoft_account", identity(), None),
    ("microsoft_account", identity(acr=MSA_DEFAULT), SINGLE),
    ("microsoft_account", identity(acr=None), None),
    ("microsoft_account", identity(acr=""), None),
    ("microsoft_account", identity(acr="1"), None),
    ("microsoft_account", identity(acr=1), None),
    ("microsoft_account", identity(acr=True), None),
    ("microsoft_account", identity(acr=[MSA_MFA]), None),
    ("microsoft_account", identity(acr=f"{MSA_MFA} {MSA_DEFAULT}"), None),
    ("microsoft_account", identity(acr=MSA_MFA.upper()), None),
    ("microsoft_account", identity(acr=f"{MSA_MFA}\n"), None),
    ("microsoft_account", identity(acr={"value": MSA_MFA}), None),
    ("microsoft_account", identity(acr_values=MSA_MFA), None),
    ("microsoft_account", identity(amr=["mfa"]), None),
    ("microsoft_account", {"access_token": {"acr": MSA_MFA, "amr": ["mfa"]}}, None),
    # GitHub
    ("github", user(False), SINGLE),
    ("github", user(None), None),
    ("github", user("true"), None),
    ("github", user("True"), None),
    ("github", user(1), None),
    ("github", user(1.0), None),
    ("github", user([True]), None),
    ("github", user({"enabled": True}), None),
    ("github", {"user": {"id": 583231}}, None),
    ("github", {"user": True}, None),
    ("github", {"user": [{"two_factor_authentication": True}]}, None),
    ("github", {"id_token": {"two_factor_authentication": True, "amr": ["mfa"]}}, None),
    ("github", {"user": {"plan": {"two_factor_authentication": True}}}, None),
    # any OpenID provider
    ("oidc", identity(amr=["pwd", "otp"]), SINGLE),
    ("oidc", identity(amr=["hwk", "pin"]), SINGLE),
    ("oidc", identity(amr=["geo", "rba", "user"]), NONE),
    ("oidc", identity(amr="mfa"), None),
    ("oidc", identity(amr=["mfa", "mfa"]), None),
    ("oidc", identity(acr="urn:example:1fa"), SINGLE),
    ("oidc", identity(acr=2), None),
    ("oidc", identity(acr=["phr"]), None),
    ("oidc", identity(acr="phr phrh"), None),
    ("oidc", identity(acr="https://refeds.org/profile/mfa"), None),
    ("oidc", {"access_token": {"amr": ["mfa"], "acr": "phr"}}, None),
    ("oidc", {"user": {"amr": ["mfa"], "acr": "phr"}}, None),
]  # fmt: skip


def test_the_tables_hold_well_over_forty_shapes() -> None:
    assert len(ACCEPTED) + len(REFUSED) > 100


@pytest.mark.parametrize("provider, documents, strength, binding", ACCEPTED)
def test_t2_a_listed_fact_in_its_place_is_accepted_for_what_it_is_worth(
    provider: str, documents: dict[str, object], strength: Strength, binding: Binding
) -> None:
    verdict = judged(provider, documents)
    assert verdict.satisfied
    assert verdict.reason is Reason.SATISFIED
    assert (verdict.strength, verdict.binding) == (strength, binding)


@pytest.mark.parametrize("provider, documents, strength", REFUSED)
def test_t2_anything_else_is_refused_and_never_raises(
    provider: str, documents: dict[str, object], strength: Strength | None
) -> None:
    verdict = judged(provider, documents)
    assert not verdict.satisfied
    if strength is None:
        assert verdict.reason is Reason.NOT_DISCLOSED
        assert verdict.evidence == ()
    else:
        assert verdict.reason is Reason.TOO_WEAK
        assert verdict.strength is strength
