"""Everything that can go wrong: as a page with a sentence and a way out, or as JSON in the shape of the contract that owns the path."""
from __future__ import annotations

import logging
from collections.abc import Callable
from typing import cast

from flask import Flask, Response, current_app, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from peewee import PeeweeException
from werkzeug.exceptions import HTTPException

from webadmin import caller
from webadmin.accounts import errors
from webadmin.serving.answers import WHOLE_SOURCE
from webadmin.store import database

log = logging.getLogger(__name__)

STATUS = {errors.UnknownView: 400, errors.NotAllowed: 403, errors.NotFound: 404, errors.LinkUsed: 404, errors.Conflict: 409,
          errors.TooManyAttempts: 429, errors.Busy: 503, errors.SignInRefused: 403}
FIRST_PAGE = ("Go to the first page", "/")
TITLES = {400: "That did not arrive as it should", 403: "Not for this account", 404: "Nothing is here", 405: "Not this way",
          409: "Someone else was here meanwhile", 413: "That is too much at once", 414: "That address is too long",
          415: "That cannot be read", 422: "That cannot be done", 429: "Too many attempts", 500: "Something broke on our side",
          503: "Not just now"}
READ_ONLY = "The database is read-only just now, so nothing can be changed. Reading works. Nothing was lost; try again later."
SENTENCES = {400: "The request was not complete. Go back, load the page again and try once more.",
             403: "Your account may not open this page.",
             404: "There is no such page, or it has moved.",
             405: "This address does not take that kind of request.",
             413: "What was sent is larger than this page takes.",
             414: "The address is longer than this server reads.",
             500: "Nothing was saved. Try again; if it happens once more, tell your administrator the number below.",
             503: "The database cannot be reached or written just now. Nothing was lost; try again in a moment."}


def speak_for(app: Flask, owns: Callable[[str], bool], refused: Callable[..., Response]) -> None:
    """Failures under the paths that `owns` names are answered by `refused(status, sentence)`, the first that fits."""
    app.extensions.setdefault("voices", []).append((owns, refused))


def init(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _form_is_old)
    app.register_error_handler(errors.AccountError, _rule)
    app.register_error_handler(PeeweeException, _store)
    app.register_error_handler(Exception, _unforeseen)


def status_of(error: errors.AccountError) -> int:
    """The HTTP status of a broken rule; 422 unless its class has one of its own."""
    return next((status for kind, status in STATUS.items() if isinstance(error, kind)), 422)


def come_back(error: errors.AccountError) -> dict[str, str]:
    """The header that says when to try again, where the rule does; where it holds for a whole source, the server is told."""
    if unheard := getattr(error, "unheard_seconds", 0):
        request.environ[WHOLE_SOURCE] = unheard
    return {"Retry-After": str(error.retry_after)} if hasattr(error, "retry_after") else {}


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return cast(Response, error.get_response())      # a redirect
    own = error.description if error.code in (400, 403) and type(error).description != error.description else None
    response = answer(error.code, own)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = ", ".join(sorted(value.split(", "))) if name == "Allow" else value
    return response


def _form_is_old(error: CSRFError) -> Response:
    return answer(400, "This form belongs to another sign-in, or your browser sent no cookie. Load the page again and send it once more.")


def _rule(error: errors.AccountError) -> Response:
    way_out = ("Show the whole list", request.path) if isinstance(error, errors.UnknownView) else FIRST_PAGE
    response = answer(status_of(error), error.sentence, way_out)
    response.headers.update(come_back(error))
    return response


def _store(error: PeeweeException) -> Response:
    """The store is gone, locked, full or read-only: closed, never open (docs/security.md, ER4)."""
    log.error("request %s: the store failed", caller.request_id(), exc_info=error)
    response = answer(503, READ_ONLY if isinstance(error, database.ReadOnly) else None)
    response.headers["Retry-After"] = "5"
    return response


def _unforeseen(error: Exception) -> Response:
    log.error("request %s failed", caller.request_id(), exc_info=error)
    return answer(500)


def answer(status: int, sentence: str | None = None, way_out: tuple[str, str] = FIRST_PAGE) -> Response:
    """One failure, in the shape of the contract that owns the path or as a page. It asks nothing of the store, which may be what failed."""
    for owns, refused in current_app.extensions.get("voices", ()):
        if owns(request.path):
            return refused(status, sentence or SENTENCES.get(status, "The request could not be answered."))
    shown = render_template("failure.html", title=TITLES.get(status, "That cannot be done"),
                            sentence=sentence or SENTENCES.get(status, "The request could not be answered."),
                            request_id=caller.request_id(), way_out=way_out)
    return make_response(shown, status)
