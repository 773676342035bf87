"""users_v1_jwt.md: register, log in, list, with a pair of JWTs.

Odd on purpose: a token that is missing, expired or revoked is a 401, one that is malformed, of the wrong type or for another contract
a 422; `user_name` is the display name, `login` the username.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, g

from webadmin import caller
from webadmin.accounts import directory, registration, signin, tokens, users
from webadmin.accounts.errors import NotFound, RegistrationClosed, Taken, WrongCredentials
from webadmin.accounts.models import Account, Role
from webadmin.api import wire
from webadmin.api.replies import Contract, answer, listed, stream

api = Blueprint("users_v1_jwt", __name__, url_prefix="/api/v1")
LONGEST_ID = 19      # digits
SHOWN = (Account.id, Account.display_name, Account.username, Account.role)


def shape(_status: int, sentence: str) -> dict[str, Any]:
    return {"msg": sentence}


CONTRACT = Contract("users_v1_jwt", "API v1", api, lambda path: path.startswith("/api/v1/"), shape, rules={
    tokens.TokenMalformed: 422, tokens.TokenOfAnotherKind: 422, tokens.TokenRefused: 401, WrongCredentials: 401, Taken: 409})


@api.post("/register")
def register() -> Response:
    if wire.scheme():
        _authenticate()
    body = wire.json_object()
    given = {"username": wire.text(body, "login"), "display_name": wire.optional_text(body, "user_name") or "", "role": _role(body)}
    password = wire.text(body, "password")
    try:
        return answer({"User": _shown(registration.register(given, password, by=caller.actor()))}, 201)
    except RegistrationClosed:
        raise RegistrationClosed("Registration is closed.") from None


@api.post("/login")
def login() -> Response:
    body = wire.json_object()
    name, password = wire.text(body, "login"), wire.text(body, "password")
    try:
        account = signin.authenticate(name, password, by=caller.actor())
    except WrongCredentials:
        raise WrongCredentials("Incorrect login or password") from None
    opened = tokens.start(account, tokens.V1, by=caller.actor())
    return answer({"access_token": tokens.issue(account, opened, claims=_claims(account)),
                   "refresh_token": tokens.issue(account, opened, tokens.REFRESH, _claims(account))})


@api.post("/refresh")
def refresh() -> Response:
    bearer = _authenticate(tokens.REFRESH)
    assert bearer.login is not None
    return answer({"access_token": tokens.issue(bearer.account, bearer.login, claims=_claims(bearer.account))})


@api.delete("/logout")
def logout() -> Response:
    tokens.revoke(_authenticate(), by=caller.actor())
    return answer({"msg": "Access token revoked"})


@api.delete("/logout2")
def logout2() -> Response:
    bearer = _authenticate(tokens.ACCESS, tokens.REFRESH)
    tokens.end(bearer, by=caller.actor())
    return answer({"msg": "Access and refresh tokens revoked"})


@api.get("/users")
def list_users() -> Response:
    account = _authenticate().account
    return stream(_pieces(_everyone() if directory.open_to(account) else [_shown(account)]))


@api.get("/users/<id_user>")
def show(id_user: str) -> Response:
    account = _authenticate().account
    number = int(id_user) if re.fullmatch(wire.WHOLE, id_user) and len(id_user) <= LONGEST_ID else -1
    try:
        found = users.find(number if directory.open_to(account) or number == account.id else -1)
        if found.deleted_at is not None:
            raise NotFound
    except NotFound:
        raise NotFound("There is no such user.") from None
    return answer({"User": _shown(found)})


def _authenticate(*kinds: str) -> tokens.Bearer:
    """Bearer -> account."""
    token = wire.bearer()
    if not token:
        raise wire.NoCredential("Missing Authorization Header")
    bearer = tokens.read(token, (tokens.V1,), kinds or (tokens.ACCESS,))
    g.account = bearer.account
    return bearer


def _role(body: dict[str, Any]) -> int:
    role = body.get("user_role", int(Role.USER))
    if type(role) is not int or role not in (1, 2):
        raise wire.Unreadable("user_role must be 1 or 2.")
    return role


def _shown(account: Account) -> dict[str, Any]:
    return {"id_user": account.id, "user_name": account.display_name, "login": account.username, "user_role": account.role}


def _claims(account: Account) -> dict[str, Any]:
    return {"fresh": False, **_shown(account)}


def _everyone() -> Iterator[dict[str, Any]]:
    return (dict(zip(("id_user", "user_name", "login", "user_role"), row, strict=True)) for row in directory.everyone(*SHOWN))


def _pieces(rows: Any) -> Iterator[str]:
    yield '{"Users":'
    yield from listed(rows)
    yield "}"


