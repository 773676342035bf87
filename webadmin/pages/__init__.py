"""HTML doors: one module per menu entry."""
from __future__ import annotations

from flask import Flask, current_app, request, session
from flask_login import current_user
from flask_wtf import CSRFProtect

from webadmin import status
from webadmin.accounts import keys
from webadmin.pages import activity, curl, factors, me, passkeys, scripts, set_up, settings, sign_in, signed_in, users

# label, address, administrators only
MENU = (("Users", "/users", True), ("Activity", "/activity", True), ("Settings", "/settings", True), ("My account", "/me", False),
        ("For scripts", "/scripts", False))
THEMES = ("light", "dark")


def init(app: Flask) -> None:
    app.secret_key = keys.find("cookies")      # a command makes it; who serves has it
    app.config.update(WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)      # bound to the session; security.py looks at the origin
    CSRFProtect(app)
    signed_in.init(app)
    for module in (set_up, sign_in, users, activity, settings, me, factors, passkeys, scripts):
        app.register_blueprint(module.pages)
    scripts.parse()
    app.before_request(signed_in.recognise)
    app.context_processor(_shell)


def _shell() -> dict[str, object]:
    """What layout.html shows around every page."""
    person = current_user if signed_in.known() else None
    theme = session.get("theme", "")
    told = person and person.is_administrator
    return {"person": person, "warnings": status.warnings(current_app.config["SETTINGS"]) if told else (),
            "theme": theme if theme in THEMES else "", "curl": curl.by_username, "nav": [
        (label, address, request.path == address or request.path.startswith(f"{address}/"))
        for label, address, administrators_only in MENU if person and (person.is_administrator or not administrators_only)]}
