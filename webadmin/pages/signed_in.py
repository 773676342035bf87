"""Cookie -> session -> account, and who may open a page. Pages are for administrators unless marked otherwise."""
from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Blueprint, Flask, Request, abort, current_app, g, redirect, render_template, request, session
from flask_login import LoginManager, current_user
from werkzeug.routing import BaseConverter
from werkzeug.wrappers import Response

from webadmin import caller, failures, security
from webadmin.accounts import policies, sessions, throttle
from webadmin.accounts.models import Account
from webadmin.accounts.second_factors import factors
from webadmin.store import database
from webadmin.store.database import DAY_SECONDS

SESSION, DEVICE = "webadmin_session", "webadmin_device"
SECOND = "second"      # where the form cookie keeps the token of a sign-in that waits for the second factor
LONGEST_NEXT = 2000      # characters
DEVICE_SECONDS = 180 * DAY_SECONDS
_View = TypeVar("_View", bound=Callable[..., Any])


def door(name: str, address: str | None = None) -> Blueprint:
    """A blueprint whose every page passes `admit` first."""
    blueprint = Blueprint(name, f"webadmin.pages.{name}", url_prefix=address)
    blueprint.before_request(admit)
    return blueprint


class Number(BaseConverter):
    """The id of an account as it is written: no sign, no leading zero, digits of ASCII, no more than every engine takes."""

    regex = r"[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


def anyone(view: _View) -> _View:
    """A page that is open before signing in."""
    view.open_to = "anyone"  # type: ignore[attr-defined]
    return view


def any_account(view: _View) -> _View:
    """A page for every signed-in account."""
    view.open_to = "account"  # type: ignore[attr-defined]
    return view


def without_new_password(view: _View) -> _View:
    """A page that also opens for an account that has been asked for a new password."""
    view.before_new_password = True  # type: ignore[attr-defined]
    return view


def without_second_factor(view: _View) -> _View:
    """A page that also opens for an account that must add a second factor first."""
    view.before_second_factor = True  # type: ignore[attr-defined]
    return view


def before_set_up(view: _View) -> _View:
    """A page that also opens while there is no administrator."""
    view.before_set_up = True  # type: ignore[attr-defined]
    return view


def init(app: Flask) -> None:
    app.url_map.converters["number"] = Number
    manager = _Adapter(app, add_context_processor=False)      # the page that says the store is gone must not ask it
    manager.session_protection = None      # it trusts X-Forwarded-For, and our own rows do better
    manager.request_loader(_account_of)
    app.after_request(_finish)


class _Adapter(LoginManager):
    """Flask-Login without its remember cookie: looking for it would read the form cookie at every answer, static files included."""

    def _update_remember_cookie(self, response: Response) -> Response:
        return response


def known() -> bool:
    """Somebody is signed in; False also where the request failed before anyone looked."""
    return bool(g.get("account"))


def recognise() -> None:
    """Who is signed in, on an address that no page has: the page that says so keeps its menu."""
    if request.endpoint is None and caller.is_set_up():
        _ = current_user.is_authenticated


def begin(account: Account, *, remember: bool) -> str:
    """Sign this browser in: the session's key. The old session of this browser, and its forms, are dead from here on."""
    if g.get("session"):
        with suppress(database.ReadOnly):      # the cookie takes its place all the same
            sessions.sign_out(g.session, g.account, by=caller.actor())
    forget_form()
    actor = caller.actor().as_account(account)
    return sessions.start(account, by=actor, user_agent=request.user_agent.string, remember=remember)


def remember_cookies(response: Response, account: Account, key: str, *, remember: bool) -> Response:
    security.set_cookie(response, SESSION, key, seconds=policies.lately().remember_days * DAY_SECONDS if remember else None)
    security.set_cookie(response, DEVICE, throttle.know_device(account), seconds=DEVICE_SECONDS)
    return response


def forget_form() -> None:
    """Empty the signed cookie but for the theme: forms of another session are worth nothing now."""
    theme = session.get("theme")
    session.clear()
    if theme:
        session["theme"] = theme


def renew_session() -> None:
    """A new key for the session of this request; the cookie follows with the answer."""
    g.renewed_key = sessions.renew(g.session)


def safe_next(target: str) -> str:
    """`target` where it is an address of ours, else `/`. The rules are Django's url_has_allowed_host_and_scheme."""
    if re.search(r"[\x00-\x1f\x7f]", target):
        abort(400, "The address to go on to is broken.")
    local = len(target) <= LONGEST_NEXT and target.startswith("/") and not target.startswith("//") and "\\" not in target
    parts = urlsplit(target) if local else None
    return target if parts and not parts.scheme and not parts.netloc else "/"


def _account_of(_request: Request) -> Account | None:
    key = security.cookie(SESSION)
    found = sessions.resume(key) if key else None
    if found:
        g.session, g.account = found
    return found[1] if found else None


def admit() -> Response | str | tuple[str, int] | None:
    """Every request for a page passes here: first the set-up, then who it is, then what they may open."""
    view = current_app.view_functions[request.endpoint or ""]
    open_to = getattr(view, "open_to", "administrator")
    if not caller.is_set_up() and not getattr(view, "before_set_up", False):
        return render_template("setup/waiting.html"), 503
    if not current_user.is_authenticated:
        return None if open_to == "anyone" else redirect(_sign_in_address(), 303)
    if g.account.must_change_password and not getattr(view, "before_new_password", False) and open_to != "anyone":
        return redirect("/password", 303)
    if not getattr(view, "before_second_factor", False) and open_to != "anyone" and factors.asked_of(g.account):
        return redirect("/me/authenticator", 303)
    if open_to == "administrator" and not g.account.is_administrator:
        abort(403)
    return None


def _sign_in_address() -> str:
    target = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return "/login" if target == "/" else f"/login?next={quote(target, safe='/')}"


def _finish(response: Response) -> Response:
    """The new key of a session that was renewed, and the status of a rule that a form broke."""
    if "renewed_key" in g:
        security.set_cookie(response, SESSION, g.renewed_key, seconds=sessions.seconds_left(g.session))
    if "refused" in g:
        response.status_code = failures.status_of(g.refused)
        response.headers.update(failures.come_back(g.refused))
    return response
