"""It must show 7: a sign-in without MFA proven ends on a page that says what is missing and what to do next."""

from playwright.sync_api import expect

from tests.browser.house import Person

SECURITY_INFO = "https://mysignins.microsoft.com/security-info"


def refused(person: Person) -> None:
    """Be the persona that never gives a second factor: the provider is asked twice."""
    person.begin()
    person.choose("Work account")
    for _ in range(2):
        person.pick("entra-pwd")
    person.heading("A second factor was not used")


def test_a_refusal_after_two_trips_upstream_says_what_is_missing_and_where_to_set_it_up(person: Person) -> None:
    refused(person)
    assert len(person.upstream_trips()) == 2
    for name, content in (("reason", "too_weak"), ("remedy", "turn_on_mfa")):
        expect(person.page.locator(f'meta[name="vestibule-{name}"]')).to_have_attribute("content", content)
    expect(person.page.get_by_text("Set up a second factor for your work account.")).to_be_visible()
    assert "vestibule" not in person.cookies(), "nobody is signed in"

    person.errands.add(SECURITY_INFO)
    person.context.route(SECURITY_INFO, lambda route: route.fulfill(body="Security info", content_type="text/plain"))
    link = person.page.locator(f'a[href="{SECURITY_INFO}"]')
    expect(link).to_contain_text("opens in a new tab")
    with person.context.expect_page() as opening:
        link.click()
    opening.value.wait_for_url(SECURITY_INFO)
    assert opening.value.evaluate("window.opener") is None
    (request,) = [each for each in person.requests if each.url == SECURITY_INFO]
    assert "referer" not in request.all_headers(), "it learns nothing of us"


def test_from_a_refusal_the_way_back_tells_the_registry_why(person: Person) -> None:
    refused(person)
    person.link("Back to Example Registry").click()
    person.heading("You are not signed in")
    expect(person.page.get_by_text("unmet_authentication_requirements", exact=True)).to_be_visible()
    person.link("Try again").click()
    person.heading("Sign in to Example Registry")


def test_from_a_refusal_another_provider_leads_to_the_registry(person: Person) -> None:
    refused(person)
    person.choose("GitHub")
    person.pick("2fa-true")
    person.arrive("2fa-true")


def test_a_registry_that_demands_proof_of_the_session_gets_none_from_a_setting(person: Person) -> None:
    claims = '{"id_token":{"acr":{"essential":true,"values":["https://refeds.org/profile/mfa"]}}}'
    person.page.goto(f"{person.house.registry}/login?claims={claims}")
    person.heading("Sign in to Example Registry")
    cannot = person.page.locator(".option.off")
    expect(cannot).to_contain_text("GitHub")
    expect(cannot).to_contain_text("cannot prove a second factor for this very sign-in")
    expect(person.page.get_by_role("link", name="GitHub")).to_have_count(0)
    person.choose("Microsoft")
    person.pick("msa-mfa")
    person.approve()
    person.arrive("msa-mfa")
