"""The rows of what browsers are sent to."""

from tests.security.table import addresses, t1, t5, t6, t7, t8, t9_clients, t9_ours, t10
from tests.security.table.families import (
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
    Cell,
    Cells,
    Row,
)
from tests.security.table.places import has_code

BACK_TO_THE_CLIENT = "where it leads was checked when the registry asked"
ONLY_ASKS = "it asks, and is judged when it is answered"


def page(t10_check: Cell, **cells: Cell) -> Cells:
    """A page that takes nothing but the words of a person, but for what is said."""
    nothing: dict[str, Cell] = {
        "T1": NOTHING_PROVEN,
        "T5": SAME_FOR_ALL,
        "T6": NO_ADDRESS,
        "T7": MANY_USES,
        "T8": NOTHING_AGREED,
        "T9": NO_JWT,
    }
    families = {each.value: each for each in (T1, T5, T6, T7, T8, T9)}
    return {T10: t10_check, **{families[name]: cell for name, cell in {**nothing, **cells}.items()}}


def own(path: str) -> Cells:
    """A page of an account."""
    return page((t10.address("GET", path),), T1=(t1.own_page("GET", path),), T5=(t5.own_page("GET", path),))


def change(path: str, *, fresh: bool = False, **cells: Cell) -> Cells:
    """A form of an account page. ``fresh``: it decides who can get in."""
    judged = t1.fresh_page(path) if fresh else t1.own_page("POST", path)
    return page(
        (t10.address("POST", path, form=True),),
        **{"T1": (judged, t1.empty_post(path)), "T5": (t5.own_page("POST", path),), **cells},
    )


def form(path: t10.Path, **cells: Cell) -> Cells:
    """Another form of ours."""
    return page((t10.address("POST", path, form=True),), **cells)


PAGES: dict[Row, Cells] = {
    Row(method="GET", rule="/authorize"): page(
        (t10.address("GET", addresses.authorize),),
        T1=(t1.session,),
        T5=(t5.authorization,),
        T6=(t6.at_authorize,),
        T7=(t7.a_pushed_request,),
        T8=(t8.nothing_weaker_at_authorize, t8.pushing_and_signing_are_kept_to),
        T9=(
            t9_clients.request_object(pushed=False),
            t9_ours.id_token_hint(t9_ours.hint_at_authorize, has_code),
        ),
    ),
    Row(method="POST", rule="/authorize"): page(
        (t10.address("POST", "/authorize"),),
        T1=(t1.empty_post("/authorize"),),
        T5=(t5.authorization_by_form,),
        T6=(t6.at_authorize_by_form,),
        T7="it only asks again by GET",
        T8="it only asks again by GET",
        T9="it only asks again by GET",
    ),
    Row(method="GET", rule="/consent/<handle>"): page(
        (t10.address("GET", addresses.consent),), T1=ONLY_ASKS, T5=(t5.consent("GET"),), T6=BACK_TO_THE_CLIENT
    ),
    Row(method="POST", rule="/consent/<handle>"): form(
        addresses.consent,
        T1=(t1.consent, t1.empty_post("/consent/x")),
        T5=(t5.consent("POST"),),
        T6=BACK_TO_THE_CLIENT,
        T7=(t7.a_consent,),
    ),
    Row(method="GET", rule="/device"): page((t10.address("GET", "/device?user_code=BCDF-GHJK"),)),
    Row(method="POST", rule="/device"): form(
        "/device",
        T1=(t1.device("POST", "/device"), t1.empty_post("/device")),
        T5=(t5.device_code,),
        T7=(t7.a_user_code,),
    ),
    Row(method="GET", rule="/device/confirm/<handle>"): page(
        (t10.address("GET", addresses.question),), T1=(t1.device("GET", ""),), T5=(t5.device_question("GET"),)
    ),
    Row(method="POST", rule="/device/confirm/<handle>"): form(
        addresses.question,
        T1=(t1.device("POST", ""), t1.empty_post("/device/confirm/x")),
        T5=(t5.device_question("POST"),),
        T7=(t7.a_device_question,),
    ),
    Row(method="GET", rule="/device/confirm/<handle>/another"): page(
        (t10.address("GET", addresses.another),), T5=(t5.device_question("GET", "/another"),)
    ),
    Row(method="GET", rule="/signin"): page((t10.address("GET", "/signin?fresh=yes"),)),
    Row(method="GET", rule="/signin/<transaction_id>"): page(
        (t10.address("GET", addresses.chooser),), T5=(t5.choice,), T7=(t7.a_transaction,)
    ),
    Row(method="GET", rule="/signin/<transaction_id>/<provider_id>"): page(
        (t10.address("GET", addresses.departure),), T5=(t5.departure,), T7=(t7.a_transaction,)
    ),
    Row(method="GET", rule="/work/<transaction_id>"): page(
        (t10.address("GET", addresses.work),),
        T5="tests/signin/test_work.py: without an active tenant nobody is asked, or led there",
        T7=(t7.a_transaction,),
    ),
    Row(method="POST", rule="/work/<transaction_id>"): form(
        addresses.work,
        T1=(t1.empty_post("/work/x"),),
        T5="tests/signin/test_work.py: without an active tenant nobody is asked, or led there",
        T7=(t7.a_transaction,),
    ),
    Row(method="GET", rule="/for-admins/<provider_id>/<code>"): page(
        (t10.address("GET", "/for-admins/entra/AADSTS90094"),),
    ),
    Row(method="GET", rule="/leave/<transaction_id>"): page(
        (t10.address("GET", "/leave/x"),), T5=(t5.giving_up,), T6=BACK_TO_THE_CLIENT, T7=(t7.a_transaction,)
    ),
    Row(method="GET", rule="/callback/<provider_id>"): page(
        (t10.address("GET", "/callback/github?state=x&code=x"),),
        T1=(t1.arrival_from_provider,),
        T5=(t5.return_from("GET"),),
        T6=BACK_TO_THE_CLIENT,
        T7=(t7.a_return,),
        T8="tests/security/test_t8_downgrade.py: towards providers it is PKCE, and the method that was asked for",
        T9="tests/security/test_t9_jose.py: every lie of a provider's ID token",
    ),
    Row(method="POST", rule="/callback/<provider_id>"): page(
        (t10.address("POST", "/callback/entra"),),
        T1=(t1.empty_post("/callback/entra"),),
        T5=(t5.return_from("POST"),),
        T6="it only sends on to itself, by GET",
        T7=(t7.a_return_by_form,),
        T8="it only sends on to itself, by GET",
        T9="it only sends on to itself, by GET",
    ),
    Row(method="POST", rule="/signout"): form("/signout", T1=(t1.empty_post("/signout"),)),
    Row(method="GET", rule="/logout"): page(
        (t10.address("GET", "/logout?client_id=basic"),),
        T5=(t5.logout("GET", "/logout"),),
        T6=(t6.at_logout("GET", "/logout"),),
        T9=(t9_ours.id_token_hint(t9_ours.hint_at_logout, t9_ours.goes_back),),
    ),
    Row(method="POST", rule="/logout"): page(
        (t10.address("POST", "/logout"),),
        T1=(t1.empty_post("/logout"),),
        T5=(t5.logout("POST", "/logout"),),
        T6=(t6.at_logout("POST", "/logout"),),
        T9=(t9_ours.id_token_hint(t9_ours.hint_by_form, t9_ours.goes_back),),
    ),
    Row(method="POST", rule="/logout/confirm"): form(
        "/logout/confirm",
        T1=(t1.empty_post("/logout/confirm"),),
        T5=(t5.logout("POST", "/logout/confirm"),),
        T6=(t6.at_logout("POST", "/logout/confirm"),),
        T9=(t9_ours.id_token_hint(t9_ours.hint_at_confirmation, t9_ours.goes_back),),
    ),
    Row(method="GET", rule="/probe/<token>"): page((t10.address("GET", addresses.probe),), T5=(t5.probing,)),
    Row(method="GET", rule="/probe/<token>/done"): page((t10.address("GET", "/probe/x/done"),)),
    Row(method="GET", rule="/"): page((t10.address("GET", "/"),)),
    Row(method="GET", rule="/account"): own("/account?notice=name"),
    Row(method="GET", rule="/account/data.json"): own("/account/data.json"),
    Row(method="GET", rule="/account/erase"): own("/account/erase"),
    Row(method="GET", rule="/account/email/confirm"): own("/account/email/confirm"),
    Row(method="POST", rule="/account/name"): change("/account/name"),
    Row(method="POST", rule="/account/email"): change("/account/email", fresh=True),
    Row(method="POST", rule="/account/email/confirm"): change("/account/email/confirm", T7=(t7.an_email_link,)),
    Row(method="POST", rule="/account/offer"): change("/account/offer", fresh=True),
    Row(method="POST", rule="/account/link/<provider_id>"): change("/account/link/github", fresh=True),
    Row(method="POST", rule="/account/unlink/<identity_id>"): change("/account/unlink/x", fresh=True),
    Row(method="POST", rule="/account/registries/withdraw"): change("/account/registries/withdraw"),
    Row(method="POST", rule="/account/sessions/<sid>/end"): change("/account/sessions/x/end"),
    Row(method="POST", rule="/account/sessions/end-others"): change("/account/sessions/end-others"),
    Row(method="POST", rule="/account/sign-out-everywhere"): change("/account/sign-out-everywhere"),
    Row(method="POST", rule="/account/erase"): change("/account/erase", fresh=True),
}
