"""What every page and every answer of the broker has in common.

Enter by :func:`init_web`, once, before the features' blueprints. It gives the application its templates and
static files, the response headers, the CSRF check, the error pages and the reference number of each request.
Features raise :class:`~broker.web.errors.BrokerError`, set cookies through
:class:`~broker.web.cookies.Cookies`, and take what they say to people about a provider from
:mod:`broker.web.texts`.

What always holds: no page needs a script, a font or a picture from elsewhere, and the Content-Security-Policy
says so; a page about a person is never stored by a cache; nothing a provider wrote is shown; a name someone
chose is escaped, and cannot turn the direction of the text around it.
"""

from flask import Flask

from broker.web import caps, csrf, errors, headers, pages, references, text
from broker.web.cookies import Cookies


def init_web(app: Flask, *, issuer: str) -> None:
    """Prepare ``app``, whose ``secret_key`` must be set, to serve pages at ``issuer``.

    Raises ValueError when there is no secret key, or when the issuer is plain http and not loopback.
    """
    cookies = Cookies(issuer)
    references.init(app)
    caps.init(app)
    text.init(app)
    headers.init(app, secure=cookies.secure)
    pages.init(app)
    csrf.init(app, cookies)
    text.init_forms(app)
    errors.init(app)
