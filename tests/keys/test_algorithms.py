import json

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from broker.keys.algorithms import SigningKey, generate, parse
from broker.settings.clients import ALGORITHMS


@pytest.fixture(scope="module")
def made() -> dict[str, SigningKey]:
    return {alg: generate(alg) for alg in ALGORITHMS}


def jwks(*keys: SigningKey) -> KeySet:
    """Return what a registry makes of the keys: it has them as JSON."""
    return KeySet.import_key_set(json.loads(json.dumps({"keys": [each.key.as_dict(private=False) for each in keys]})))


def sign(key: SigningKey, alg: str) -> str:
    return jwt.encode({"alg": alg, "kid": key.kid}, {"sub": "1"}, key.key, algorithms=[alg])


def test_keys_are_of_the_kind_and_size_their_algorithm_takes(made: dict[str, SigningKey]) -> None:
    for alg in ("RS256", "PS256"):
        rsa = made[alg].key
        assert isinstance(rsa, RSAKey)
        assert rsa.raw_value.key_size == 2048
    ec, okp = made["ES256"].key, made["EdDSA"].key
    assert isinstance(ec, ECKey)
    assert ec.curve_name == "P-256"
    assert isinstance(okp, OKPKey)
    assert okp.as_dict()["crv"] == "Ed25519"


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_a_key_signs_its_public_part_verifies(made: dict[str, SigningKey], alg: str) -> None:
    token = sign(made[alg], alg)
    assert jwt.decode(token, jwks(*made.values()), algorithms=[alg]).claims == {"sub": "1"}


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_read_again_is_the_same_key(made: dict[str, SigningKey], alg: str) -> None:
    key = made[alg]
    again = parse(alg, key.key.as_der(private=True), key.kid)
    assert again.key.as_dict(private=False) == key.key.as_dict(private=False)
    assert jwt.decode(sign(again, alg), jwks(key), algorithms=[alg]).claims == {"sub": "1"}


@pytest.mark.parametrize("alg, other", [("RS256", "PS256"), ("PS256", "RS256")])
def test_t9_an_rsa_key_signs_and_verifies_by_its_own_algorithm_only(
    made: dict[str, SigningKey], alg: str, other: str
) -> None:
    with pytest.raises(JoseError):
        sign(made[alg], other)
    # Even where the private part was used by another program.
    unbound = RSAKey.import_key(made[alg].key.as_der(private=True))
    token = jwt.encode({"alg": other, "kid": made[alg].kid}, {"sub": "1"}, unbound, algorithms=[other])
    with pytest.raises(JoseError):
        jwt.decode(token, jwks(made[alg]), algorithms=list(ALGORITHMS))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_kid_is_the_thumbprint_of_its_key_and_the_jwk_says_what_it_is_for(
    made: dict[str, SigningKey], alg: str
) -> None:
    key = made[alg]
    public = key.key.as_dict(private=False)
    assert (public["kid"], public["alg"], public["use"]) == (key.kid, alg, "sig")
    assert key.key.thumbprint() == key.kid
