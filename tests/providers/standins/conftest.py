"""Stand-ins that run for the whole session, put back in order before each test."""

from collections.abc import Iterator

import pytest

from providers.standins import Registration, Standins, register_all

from .certificate import Certificate
from .flows import BARE, CALLBACK, Client


@pytest.fixture(scope="session")
def certificate() -> Certificate:
    """The certificate of the application that proves itself by client assertions."""
    return Certificate.make()


@pytest.fixture(scope="session")
def running(certificate: Certificate) -> Iterator[Standins]:
    more = (
        Registration(
            kind="entra",
            client_id="33333333-4444-4555-8666-777777777777",
            client_secret="unused-by-this-one",
            redirect_uris=(CALLBACK,),
            certificate=certificate.public_pem,
        ),
        Registration(
            kind="microsoft_account",
            client_id="44444444-5555-4666-8777-888888888888",
            client_secret="of-the-second-application",
            redirect_uris=(CALLBACK,),
            optional_claims=frozenset(),
        ),
        Registration(
            kind="entra",
            client_id=BARE,
            client_secret="of-the-application-without-optional-claims",
            redirect_uris=(CALLBACK,),
            optional_claims=frozenset(),
        ),
        Registration(
            kind="github",
            client_id="Ov23liAnother",
            client_secret="of-another-application",
            redirect_uris=(CALLBACK,),
        ),
        Registration(
            kind="oidc",
            client_id="signs-es256",
            client_secret="of-the-es256-client",
            redirect_uris=(CALLBACK,),
            id_token_alg="ES256",
        ),
        Registration(
            kind="oidc",
            client_id="signs-ps256",
            client_secret="of-the-ps256-client",
            redirect_uris=(CALLBACK,),
            id_token_alg="PS256",
        ),
    )
    with Standins.start(registrations=[*register_all([CALLBACK]), *more]) as standins:
        yield standins


@pytest.fixture
def standins(running: Standins) -> Iterator[Standins]:
    running.toggles.reset()
    running.forget_requests()
    yield running
    running.toggles.reset()


@pytest.fixture
def client(standins: Standins) -> Iterator[Client]:
    with Client(standins) as client:
        yield client
