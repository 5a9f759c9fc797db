"""A real browser signs out: the policy of our pages lets it go where the registry wants it."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, expect

from broker.settings.clients import ClientMetadata
from tests.chromium import DESK, SMALL, check_page, complaints, launched
from tests.oidc.logout.registries import House
from tests.providers.loopback import Handler, serve
from tests.world import CALLBACK

HOME = b'<!doctype html><title>Home</title><link rel="icon" href="data:,"><h1>Signed out there too</h1>'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


def home(handler: Handler) -> None:
    handler.reply(HOME, Content_Type="text/html")


def test_after_a_yes_a_registry_may_send_the_browser_on_to_another_site_of_its_own(
    house: House, chromium: Browser
) -> None:
    world = house.world
    visitor = world.visitor()
    house.sign_in(visitor)
    with serve(home) as site, serve(lambda it: it.reply(b"", status=302, Location=f"{site.url}/")) as registry:
        back = f"{registry.url}/signed-out"
        moving = ClientMetadata(
            name="Registry that moved", auth_method="none", redirect_uris=(CALLBACK,), post_logout_redirect_uris=(back,)
        )
        with world.parts.database.begin() as connection:
            world.parts.clients.add(connection, "moving", moving, world.parts.audit, world.clock(), secret=None)
        context = chromium.new_context(viewport=DESK)
        heard = complaints(context)
        for cookie in visitor.http.cookies:
            context.add_cookies([{"name": cookie.name, "value": str(cookie.value), "url": world.base}])
        page = context.new_page()
        asked = {"client_id": "moving", "post_logout_redirect_uri": back, "state": "s"}
        page.goto(f"{world.base}/logout?{urlencode(asked)}")
        expect(page.get_by_role("heading", name="Sign out?")).to_be_visible()
        check_page(page, SMALL, "light")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", name="Signed out there too")).to_be_visible()
        context.close()
    assert [seen.path for seen in registry.seen] == ["/signed-out?state=s"]
    assert heard == []
    assert not house.is_signed_in(visitor)
