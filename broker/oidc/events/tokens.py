"""Security event tokens (RFC 8417)."""

import re
from dataclasses import dataclass
from datetime import datetime

from broker.events.streams import Untold
from broker.oidc.clients import Client
from broker.oidc.subjects import Subjects
from broker.oidc.tokens.signed import Signer

TYP = "secevent+jwt"
URI = "urn:vestibule:event:"
# What receivers say of an event is theirs to choose, and we show it: a code and nothing else.
_CODE = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEventTokens:
    """Makes them anew for each attempt, because keys pass. The event stays: ``jti``, ``iat`` and all it says."""

    signer: Signer
    subjects: Subjects

    def of(self, client: Client, event: Untold, now: datetime) -> str:
        """Return the token for a client, signed as its ID tokens are. Raises ``NoActiveKey``.

        Without ``sub`` and ``exp`` (sections 4.1 and 4.5): it is nobody's ID token. The subject is the registry's own
        account, by the registry's own id (RFC 9493 section 3.2.7).
        """
        claims: dict[str, object] = {
            "aud": client.client_id,
            "iat": int(event.occurred_at.timestamp()),
            "jti": event.jti,
            "sub_id": {"format": "opaque", "id": event.subject},
            "events": {f"{URI}{event.kind}": self._said(client, event)},
        }
        return self.signer.sign(claims, typ=TYP, algorithm=client.id_token_signed_response_alg, now=now)

    def _said(self, client: Client, event: Untold) -> dict[str, object]:
        """Return what the event says, with people called as the client knows them, and left out if it does not."""
        said = dict(event.data)
        account_id = said.pop("account", None)
        sub = self.subjects.known(client, account_id) if isinstance(account_id, str) else None
        return said if sub is None else {**said, "account": sub}


def code_of(err: object) -> str | None:
    """Return the error code of a receiver (RFC 8935 section 2.4, RFC 8936 section 2.6), or none if it is no code."""
    return err if isinstance(err, str) and _CODE.fullmatch(err) else None
