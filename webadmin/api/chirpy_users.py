"""chirpy_users.md: a JWT of one hour, and an opaque refresh token of sixty days that works until it is revoked."""
from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from flask import Blueprint, Response, g

from webadmin import caller
from webadmin.accounts import registration, signin, tokens, users
from webadmin.accounts.errors import Taken, WrongCredentials
from webadmin.accounts.models import Account
from webadmin.accounts.sessions import Kept
from webadmin.api import wire
from webadmin.api.replies import Contract, answer

api = Blueprint("chirpy_users", __name__, url_prefix="/api")


def shape(status: int, sentence: str) -> dict[str, Any]:
    return {"error": sentence}


CONTRACT = Contract("chirpy_users", "Chirpy API", api, lambda path: path.startswith("/api/"), shape,
                    rules={tokens.TokenRefused: 401, WrongCredentials: 401, Taken: 409})


@api.post("/users")
def create() -> Response:
    body = wire.json_object()
    given = {"email": wire.text(body, "email")}
    if not given["email"]:
        raise wire.Unreadable("email must not be empty.")
    account = registration.register(given, wire.text(body, "password"), by=caller.actor())
    return _signed_in(account, 201)


@api.post("/login")
def login() -> Response:
    body = wire.json_object()
    email, password = wire.text(body, "email"), wire.text(body, "password")
    try:
        return _signed_in(signin.authenticate(email, password, by=caller.actor()), 200)
    except WrongCredentials:
        raise WrongCredentials("Incorrect email or password") from None


@api.put("/users")
def update() -> Response:
    """Either field or both; the JWT that asked goes on, everything else of the account ends with its password."""
    bearer = _read(tokens.read, (tokens.CHIRPY,))
    assert bearer.login is not None
    body = wire.json_object()
    email, password = wire.optional_text(body, "email"), wire.optional_text(body, "password")
    if not email and not password or "" in (email, password):
        raise wire.Unreadable("email or password is needed, and none may be empty.")
    given = {} if email is None else {"email": email}
    with registration.asking(caller.actor()) if email else nullcontext():
        account = users.update_with_password(bearer.account, given, password, by=caller.actor(), must_change=False,
                                             keep=Kept(login=bearer.login.id))
    return answer({"email": account.email, "id": account.id, "is_chirpy_red": account.is_chirpy_red})


@api.post("/refresh")
def refresh() -> Response:
    bearer = _read(tokens.read_refresh, tokens.CHIRPY)
    assert bearer.login is not None
    return answer({"token": tokens.issue(bearer.account, bearer.login)})


@api.post("/revoke")
def revoke() -> Response:
    bearer = _read(tokens.read_refresh, tokens.CHIRPY)
    tokens.end(bearer, by=caller.actor())
    return answer(None, 204)


def _read(reader: Any, audience: Any) -> tokens.Bearer:
    """Bearer -> account; one sentence for every token that does not hold."""
    token = wire.bearer()
    try:
        if not token:
            raise tokens.TokenRefused
        bearer: tokens.Bearer = reader(token, audience)
    except tokens.TokenRefused:
        raise tokens.TokenRefused("Missing or invalid token") from None
    g.account = bearer.account
    return bearer


def _signed_in(account: Account, status: int) -> Response:
    refresh_token = tokens.opaque()
    opened = tokens.start(account, tokens.CHIRPY, by=caller.actor(), refresh=refresh_token)
    return answer({"email": account.email, "id": account.id, "token": tokens.issue(account, opened), "refresh_token": refresh_token,
                   "is_chirpy_red": account.is_chirpy_red}, status)
