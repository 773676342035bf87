"""Flask request -> Actor: who, through which door, from where. And the connection that the request works on."""
from __future__ import annotations

import secrets

from flask import Flask, current_app, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from webadmin.accounts import users
from webadmin.accounts.actors import Actor
from webadmin.accounts.second_factors import ceremonies
from webadmin.accounts.second_factors.ceremonies import RelyingParty
from webadmin.store import database

WITHOUT_STORE = ("static", "published.show")


def init(app: Flask) -> None:
    hops = app.config["SETTINGS"].proxies
    if hops:      # only declared hops may say where a request came from
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0, x_prefix=0)  # type: ignore[method-assign]
    app.before_request(_connect)
    app.teardown_request(_close)


def actor() -> Actor:
    """The caller of this request. Doors put `g.account` (and pages `g.session`) in place when they know who it is."""
    account, session = g.get("account"), g.get("session")
    return Actor(door=g.get("door", "browser"), source=request.remote_addr or "", request_id=request_id(),
                 account_id=account.id if account else None, name=account.username if account else "",
                 role=account.role if account else None, session_id=session.id if session else None)


def relying_party() -> RelyingParty | None:
    """Where passkeys are good, asked for on the page of this request; None where they cannot be."""
    return ceremonies.relying_party(current_app.config["SETTINGS"].url, request.host, request.scheme)


def is_set_up() -> bool:
    """There is an administrator: asked until it is so, for then one always remains. Until then only the set-up works."""
    if not current_app.config.get("IS_SET_UP"):
        current_app.config["IS_SET_UP"] = users.administrator_exists()
    return current_app.config["IS_SET_UP"]


def request_id() -> str:
    if "request_id" not in g:
        g.request_id = secrets.token_hex(8)
    return g.request_id


def _connect() -> None:
    if request.endpoint in WITHOUT_STORE:
        return
    g.connection = database.connection()
    g.connection.__enter__()


def _close(failure: BaseException | None) -> None:
    opened = g.pop("connection", None)
    if opened is not None:
        opened.__exit__(None, None, None)
