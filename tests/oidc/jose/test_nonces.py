"""Server nonces and key thumbprints, which DPoP stands on (RFC 9449 sections 8 and 10, RFC 7638)."""

import pytest

from broker.oidc.jose.dpop import Nonces, is_jkt, thumbprint
from tests.oidc.jose.samples import EC, NOW, after

NONCES = Nonces(b"k" * 32)
NONCE = NONCES.current(NOW)


class TestNonces:
    def test_a_nonce_is_the_same_for_everybody_for_a_minute_and_on_every_server(self) -> None:
        assert NONCES.current(NOW) == NONCES.current(after(59)) == Nonces(b"k" * 32).current(NOW)
        assert NONCES.current(NOW) != NONCES.current(after(60))

    @pytest.mark.parametrize("seconds, accepted", [(-61, False), (-60, True), (0, True), (119, True), (120, False)])
    def test_a_nonce_lives_for_three_minutes_at_most(self, seconds: float, accepted: bool) -> None:
        assert NONCES.accepts(NONCE, after(seconds)) is accepted

    def test_t9_a_nonce_of_another_key_is_none_of_ours(self) -> None:
        assert not NONCES.accepts(Nonces(b"l" * 32).current(NOW), NOW)

    def test_a_nonce_is_what_a_header_and_a_claim_can_hold(self) -> None:
        assert len(NONCE) == 24
        assert NONCE.isascii()

    @pytest.mark.parametrize("key", [b"", b"k" * 31])
    def test_t9_a_short_key_is_refused(self, key: bytes) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            Nonces(key)


class TestThumbprint:
    def test_it_is_that_of_rfc_8037_appendix_a_3(self) -> None:
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
        assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        assert thumbprint(jwk | {"kid": "x", "use": "sig", "x5c": ["y"]}) == thumbprint(jwk)

    def test_a_private_or_broken_key_has_none(self) -> None:
        for jwk in ({}, EC.as_dict(private=True)):
            with pytest.raises(ValueError, match=r"."):
                thumbprint(jwk)

    @pytest.mark.parametrize(
        "text", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 42 + "é", "a" * 43 + "\n", "a" * 42 + "+"]
    )
    def test_t9_what_has_not_its_form_is_no_dpop_jkt(self, text: str) -> None:
        assert not is_jkt(text)
