"""Flask, without what it does for every request and nothing here needs."""
from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature
from werkzeug.exceptions import NotFound
from werkzeug.routing import RequestRedirect

from webadmin.store import database

KNOWN_SECONDS = 1800      # a form cookie that was verified is not verified again for so long


class _FormCookie(SecureCookieSessionInterface):
    """Flask's signed cookie. Whoever sends none, as scripts do, costs nothing."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        value = request.cookies.get(self.get_cookie_name(app)) if "HTTP_COOKIE" in request.environ else None
        words = _words(app, app.secret_key, value, int(time.time()) // KNOWN_SECONDS) if value else {}
        return super().open_session(app, request) if words is None else self.session_class(words)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if session.accessed:
            super().save_session(app, session, response)


@lru_cache(maxsize=1024)
def _words(app: Flask, _key: object, value: str, _since: int) -> dict[str, str] | None:
    """What a form cookie says; None where it is more than words, which somebody might change in place."""
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    try:
        found = signer.loads(value, max_age=int(app.permanent_session_lifetime.total_seconds())) if signer else {}
    except BadSignature:
        return {}
    return found if all(type(each) is str for each in found.values()) else None


class Application(Flask):
    """A request whose transaction the engine gave up runs once more; a file that was sent can be read only once.

    Every view and every hook is a plain function: none is asked at each request whether it is a coroutine.
    """

    session_interface = _FormCookie()

    def dispatch_request(self) -> ResponseReturnValue:
        return super().dispatch_request() if request.mimetype == "multipart/form-data" else database.again(super().dispatch_request)

    def raise_routing_exception(self, request: Request) -> NoReturn:
        """The router's own redirects, from an address that is not quite one of ours, would repeat the Host that was sent."""
        if isinstance(request.routing_exception, RequestRedirect):
            raise NotFound
        super().raise_routing_exception(request)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func
