"""HTML doors: one module per menu entry."""
from __future__ import annotations

import time
from functools import lru_cache

from flask import Flask, current_app, g, request, session
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf

from webadmin import status
from webadmin.accounts import keys
from webadmin.pages import activity, curl, factors, me, passkeys, scripts, set_up, settings, sign_in, signed_in, users

# label, address, administrators only
MENU = (("Users", "/users", True), ("Activity", "/activity", True), ("Settings", "/settings", True), ("My account", "/me", False),
        ("For scripts", "/scripts", False))
THEMES = ("light", "dark")
TOKEN_SECONDS = 1800


def init(app: Flask) -> None:
    app.secret_key = keys.find("cookies")      # a command makes it; who serves has it
    app.config.update(WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)      # bound to the session; security.py looks at the origin
    CSRFProtect(app)
    app.jinja_env.globals["csrf_token"] = _form_token
    signed_in.init(app)
    for module in (set_up, sign_in, users, activity, settings, me, factors, passkeys, scripts):
        app.register_blueprint(module.pages)
    app.before_request(signed_in.recognise)
    app.context_processor(_shell)


def _shell() -> dict[str, object]:
    """What layout.html shows around every page."""
    person, theme = g.account if signed_in.known() else None, session.get("theme", "")
    role = "administrator" if person and person.is_administrator else "user"
    who = (person.display_name or person.username, person.username, role) if person else ()
    warnings = status.warnings(current_app.config["SETTINGS"]) if person and person.is_administrator else ()
    return {"person": person, "who": who, "warnings": warnings, "theme": theme if theme in THEMES else "", "curl": curl.by_username,
            "csrf_token": _form_token, "here": request.full_path.rstrip("?"), "nav": tuple(
                (label, address, request.path == address or request.path.startswith(f"{address}/"))
                for label, address, administrators_only in MENU if person and (person.is_administrator or not administrators_only))}


def _form_token() -> str:
    """Flask-WTF's token of this browser, which holds as long as its session: signed anew now and then, not at every request."""
    secret = session.get("csrf_token")
    return _signed(secret, int(time.time()) // TOKEN_SECONDS) if secret else generate_csrf()


@lru_cache(maxsize=1024)
def _signed(_secret: str, _since: int) -> str:
    return generate_csrf()
