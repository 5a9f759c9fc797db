"""The rows of what programs call."""

from datetime import timedelta

from broker.oidc.registration.initial import InitialTokens
from broker.settings.clients import DEVICE_CODE
from tests.security.table import t1, t5, t6, t7, t8, t9_clients, t9_ours, t10
from tests.security.table.families import (
    JUDGED_BEFORE,
    MANY_USES,
    NO_ADDRESS,
    NO_JWT,
    NOTHING_AGREED,
    NOTHING_PROVEN,
    SAME_FOR_ALL,
    T1,
    T5,
    T6,
    T7,
    T8,
    T9,
    T10,
    Cells,
    Row,
)
from tests.security.table.house import MANAGEMENT_TOKEN, House
from tests.security.table.places import Check, error, status
from tests.security.table.t9_clients import (
    bound_service_token,
    bound_token,
    key_proof,
    proof_with_form,
    proof_with_json,
    proof_with_token,
)

CODE, REFRESH, SERVICE = "authorization_code", "refresh_token", "client_credentials"
AT_TOKEN = proof_with_form("/token", grant_type=SERVICE)
AT_PAR = proof_with_form("/par")
AT_POLL = proof_with_json("/events/poll", bound_service_token)
AT_INTROSPECT = proof_with_token("POST", "/introspect", bound_service_token, token="x")


def public(path: str) -> Cells:
    """A document, the same for everybody."""
    return {
        T1: NOTHING_PROVEN,
        T5: SAME_FOR_ALL,
        T6: NO_ADDRESS,
        T7: MANY_USES,
        T8: NOTHING_AGREED,
        T9: NO_JWT,
        T10: (t10.address("GET", path),),
    }


def grant(name: str, redeems: tuple[Check, ...], **form: str) -> Cells:
    """A grant of the token endpoint. The form is good but for what it redeems, which is nothing."""
    whole = {"grant_type": name, **form}
    accepted = status(200) if name == SERVICE else error("invalid_grant")
    key = (key_proof("POST", "/token", AT_TOKEN, 200),) if name == SERVICE else ()
    return {
        T1: "nobody but the client itself is meant" if name == SERVICE else (t1.grant(name), t1.empty_post("/token")),
        T5: (t5.grant(name),),
        T6: (t6.at_redemption,) if name == CODE else NO_ADDRESS,
        T7: (*redeems, t7.an_assertion("/token", **whole), t7.a_proof(AT_TOKEN, "POST", "/token")),
        T8: (t8.held_to_its_method("/token", **whole), t8.a_key_stays_a_condition(name))
        + ((t8.a_code_needs_its_verifier,) if name == CODE else ()),
        T9: (t9_clients.client_assertion("/token", accepted, **whole), *key),
        T10: (t10.address("POST", "/token"),),
    }


def userinfo(method: str) -> Cells:
    at = proof_with_token(method, "/userinfo", bound_token)
    by_form = (t9_ours.access_token(t9_ours.in_form, status(200)),) if method == "POST" else ()
    return {
        T1: JUDGED_BEFORE,
        T5: (t5.access_token(method),),
        T6: NO_ADDRESS,
        T7: (t7.a_proof(at, method, "/userinfo", token=True),),
        T8: (t8.a_bound_token_is_no_bearer_token(method), t8.a_body_is_a_form if by_form else t8.a_get_has_no_body),
        T9: (
            key_proof(method, "/userinfo", at, 200, of=bound_token),
            t9_ours.access_token(t9_ours.in_header(method, "/userinfo"), status(200)),
            *by_form,
        ),
        T10: (t10.address(method, "/userinfo"),),
    }


# Registration: the address of a client, and a token that is good there.


def _with_initial_token(check: t8.Registering) -> Check:
    def with_one(house: House) -> None:
        parts, now = house.world.parts, house.world.clock()
        with parts.database.begin() as connection:
            token = InitialTokens(parts.audit).create(connection, now + timedelta(days=1), now)
        check(house, "POST", "/register", token)

    return with_one


def _of_a_client(check: t8.Registering) -> Check:
    return lambda house: check(house, "PUT", f"/register/{house.add_client()}", MANAGEMENT_TOKEN)


def management(method: str) -> Cells:
    changes = method == "PUT"
    return {
        T1: NOTHING_PROVEN,
        T5: (t5.management(method),),
        T6: (_of_a_client(t6.at_registration),) if changes else NO_ADDRESS,
        T7: "the token manages the client for as long as there is one",
        T8: (_of_a_client(t8.nobody_gives_themselves_what_is_the_operators),) if changes else NOTHING_AGREED,
        T9: (_of_a_client(t9_clients.keys_of_a_client_are_public),) if changes else NO_JWT,
        T10: (t10.address(method, "/register/x"),),
    }


ENDPOINTS: dict[Row, Cells] = {
    **{
        Row(method="GET", rule=path): public(path)
        for path in (
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            "/jwks",
            "/livez",
            "/readyz",
        )
    },
    Row(method="GET", rule="/assets/<name>"): public("/assets/style.css"),
    Row(method="POST", rule="/par"): {
        T1: "the proof is judged when the request is answered",
        T5: (t5.client("/par"),),
        T6: (t6.at_par,),
        T7: (t7.an_assertion("/par"), t7.a_proof(AT_PAR, "POST", "/par"), t7.a_pushed_request),
        T8: (t8.held_to_its_method("/par"), t8.nothing_weaker_at_par),
        T9: (
            t9_clients.client_assertion("/par", error("invalid_request")),
            t9_clients.request_object(pushed=True),
            t9_ours.id_token_hint(t9_ours.hint_at_par, status(201)),
            key_proof("POST", "/par", AT_PAR, 201),
        ),
        T10: (t10.address("POST", "/par"),),
    },
    Row(method="POST", rule="/device_authorization"): {
        T1: "the proof is judged when somebody is asked",
        T5: (t5.client("/device_authorization", scope="openid"),),
        T6: NO_ADDRESS,
        T7: (t7.an_assertion("/device_authorization", scope="openid"),),
        T8: (t8.held_to_its_method("/device_authorization", scope="openid"),),
        T9: (t9_clients.client_assertion("/device_authorization", status(200), scope="openid"),),
        T10: (t10.address("POST", "/device_authorization"),),
    },
    Row(method="POST", rule="/token", grant=CODE): grant(CODE, (t7.a_code,), code="x", redirect_uri="x"),
    Row(method="POST", rule="/token", grant=REFRESH): grant(REFRESH, (t7.a_refresh_token,), refresh_token="x"),
    Row(method="POST", rule="/token", grant=SERVICE): grant(SERVICE, ()),
    Row(method="POST", rule="/token", grant=DEVICE_CODE): grant(DEVICE_CODE, (t7.a_device_code,), device_code="x"),
    Row(method="POST", rule="/introspect"): {
        T1: JUDGED_BEFORE,
        T5: (t5.introspection, t5.introspection_of_refresh_tokens),
        T6: NO_ADDRESS,
        T7: (
            t7.an_assertion("/introspect", token="x"),
            t7.a_proof(AT_INTROSPECT, "POST", "/introspect", token=True),
        ),
        T8: (t8.held_to_its_method("/introspect", token="x"), t8.a_bound_caller_proves_its_key),
        T9: (
            t9_clients.client_assertion("/introspect", status(200), token="x"),
            t9_ours.access_token(t9_ours.as_question, t9_ours.is_active),
            t9_ours.access_token(t9_ours.in_header("POST", "/introspect", token="x"), status(200), service=True),
            key_proof("POST", "/introspect", AT_INTROSPECT, 200, of=bound_service_token),
        ),
        T10: (t10.address("POST", "/introspect"),),
    },
    Row(method="POST", rule="/revoke"): {
        T1: NOTHING_PROVEN,
        T5: (t5.client("/revoke", token="x"),),
        T6: NO_ADDRESS,
        T7: (t7.an_assertion("/revoke", token="x"),),
        T8: (t8.held_to_its_method("/revoke", token="x"),),
        T9: (
            t9_clients.client_assertion("/revoke", status(200), token="x"),
            t9_ours.forged_tokens_are_not_revoked,
        ),
        T10: (t10.address("POST", "/revoke"),),
    },
    Row(method="POST", rule="/events/poll"): {
        T1: "nobody but the client itself is meant",
        T5: (t5.polling,),
        T6: NO_ADDRESS,
        T7: (t7.a_proof(AT_POLL, "POST", "/events/poll", token=True),),
        T8: (t8.a_bound_poller_proves_its_key,),
        T9: (
            t9_ours.access_token(t9_ours.with_json("/events/poll"), status(200), service=True),
            key_proof("POST", "/events/poll", AT_POLL, 200, of=bound_service_token),
        ),
        T10: (t10.address("POST", "/events/poll"),),
    },
    Row(method="GET", rule="/userinfo"): userinfo("GET"),
    Row(method="POST", rule="/userinfo"): userinfo("POST"),
    Row(method="POST", rule="/register"): {
        T1: NOTHING_PROVEN,
        T5: (t5.initial_token,),
        T6: (_with_initial_token(t6.at_registration),),
        T7: "an initial access token is good for any number of clients until it ends",
        T8: (_with_initial_token(t8.nobody_gives_themselves_what_is_the_operators),),
        T9: (_with_initial_token(t9_clients.keys_of_a_client_are_public),),
        T10: (t10.address("POST", "/register"),),
    },
    Row(method="GET", rule="/register/<client_id>"): management("GET"),
    Row(method="PUT", rule="/register/<client_id>"): management("PUT"),
    Row(method="DELETE", rule="/register/<client_id>"): management("DELETE"),
}
