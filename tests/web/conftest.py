"""A small application that uses the web room as the features do."""

from collections.abc import Callable
from typing import Any

import pytest
from authlib.integrations.flask_oauth2.errors import raise_http_exception
from flask import Blueprint, Flask, Response, abort, make_response, redirect, render_template, request
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.routing import Rule

from broker.web import init_web
from broker.web.csrf import protection, renew
from broker.web.errors import API_BLUEPRINT, BrokerError
from broker.web.headers import allow_any_form_action
from tests.once import compile_builder, share_templates
from tests.web.samples import PAGES

LOOPBACK = "http://localhost:8000"
PUBLIC = "https://id.registry.example"

MakeApp = Callable[[str], Flask]


@pytest.fixture
def make_app() -> MakeApp:
    """Return what builds the application for an issuer."""
    return build


@pytest.fixture
def app() -> Flask:
    """Return the application of a loopback http issuer."""
    return build(LOOPBACK)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a browser, as far as cookies go."""
    return app.test_client()


def build(issuer: str) -> Flask:
    """Return an application with one route per behaviour."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compile_builder)
        return _built(issuer)


def _built(issuer: str) -> Flask:
    app = Flask("features")
    app.secret_key = "for these tests alone"
    init_web(app, issuer=issuer)
    share_templates(app)
    api = Blueprint(API_BLUEPRINT, __name__)
    _add_pages(app)
    _add_refusals(app)
    _add_http_errors(app)
    _add_defects(app)
    _add_api(api)
    protection(app).exempt(api)
    app.register_blueprint(api)
    return app


def _add_pages(app: Flask) -> None:
    @app.get("/page/<name>")
    def page(name: str) -> str:
        template, context = PAGES[name]
        return render_template(template, **context)

    @app.get("/leaving")
    def leaving() -> str:
        allow_any_form_action()
        return render_template("erase.html")

    @app.get("/cached")
    def cached() -> Response:
        response = make_response("{}")
        response.headers["Cache-Control"] = "public, max-age=300"
        if "cookie" in request.args:
            response.set_cookie("any", "thing")
        return response

    @app.get("/private")
    def private() -> Response:
        response = make_response("{}")
        response.headers["Cache-Control"] = "private, max-age=300"
        return response

    @app.post("/change")
    def change() -> str:
        return "changed"

    @app.post("/renewed")
    def renewed() -> str:
        renew()
        return render_template("erase.html")


def _add_refusals(app: Flask) -> None:
    @app.get("/refuse")
    def refuse() -> str:
        raise broker_error()

    @app.get("/refuse-broken")
    def refuse_broken() -> str:
        raise broker_error(status=503, detail="", link=None)


def _add_http_errors(app: Flask) -> None:
    @app.get("/abort/<int:status>")
    def aborted(status: int) -> str:
        abort(status)

    @app.get("/later")
    def later() -> str:
        raise ServiceUnavailable(retry_after=120)

    @app.get("/own-response")
    def own_response() -> str:
        abort(make_response("my own", 418))

    @app.get("/moved")
    def moved() -> ResponseReturnValue:
        return redirect("/page/home")

    @app.get("/folder/")
    def folder() -> str:
        return "a folder"

    @app.get("/own-body")
    def own_body() -> str:
        raise_http_exception(401, '{"error": "invalid_token"}', [("WWW-Authenticate", "Bearer")])
        raise AssertionError


def _add_defects(app: Flask) -> None:
    @app.get("/defect/<token>")
    def defect(token: str) -> str:
        try:
            raise KeyError(token)
        except KeyError as error:
            raise RuntimeError(f"could not use {token}") from error

    @app.get("/defect-while-handling")
    def defect_while_handling() -> str:
        try:
            raise KeyError("first")
        except KeyError:
            raise RuntimeError("second")  # noqa: B904 - the implicit context is what is tested

    @app.get("/defect-alone")
    def defect_alone() -> str:
        try:
            raise KeyError("first")
        except KeyError:
            raise RuntimeError("second") from None


def _add_api(api: Blueprint) -> None:
    @api.post("/token")
    def token() -> str:
        raise broker_error(sentence='Said "so" by Zoë\\')

    @api.get("/api-defect")
    def defect() -> str:
        raise RuntimeError("canary")


def broker_error(**more: Any) -> BrokerError:
    """Return an error with everything in it."""
    parts: dict[str, Any] = {
        "status": 403,
        "code": "provider_disabled",
        "sentence": "This way to sign in is switched off.",
        "next_step": "Choose another one.",
        "detail": "provider=github",
        "link": ("Choose another", "/signin"),
    }
    return BrokerError(**(parts | more))
