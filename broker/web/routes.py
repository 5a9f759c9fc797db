"""A room's addresses as a table: method, rule, view. A view's first parameter is what the room works with."""

from collections.abc import Callable, Sequence
from functools import wraps

from flask import Blueprint
from flask.typing import ResponseReturnValue

Route = tuple[str, str, Callable[..., ResponseReturnValue]]


def blueprint(name: str, context: object, routes: Sequence[Route]) -> Blueprint:
    """Return a blueprint of these routes; the endpoint of a view is its name, also where it has several rules."""
    room = Blueprint(name, __name__)
    bound = {view: _bound(view, context) for _, _, view in routes}
    for method, rule, view in routes:
        room.add_url_rule(rule, view.__name__, bound[view], methods=[method])
    return room


def _bound(view: Callable[..., ResponseReturnValue], context: object) -> Callable[..., ResponseReturnValue]:
    @wraps(view)
    def bound(**arguments: str) -> ResponseReturnValue:
        return view(context, **arguments)

    return bound
