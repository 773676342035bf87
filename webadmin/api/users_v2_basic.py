"""users_v2_basic.md: accounts by name, with HTTP Basic or an API token.

Odd on purpose: what other APIs say by 404 and 409 is a 403 `{"user_exists": ...}` here, asked before the body is judged; the two
secrets come back hashed.
"""
from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request

from webadmin import caller, security
from webadmin.accounts import directory, names, policies, signin, tokens, users
from webadmin.accounts.errors import Invalid, LastAdministrator, NotAllowed, NotFound, Taken, WrongCredentials
from webadmin.accounts.models import Account
from webadmin.api import wire
from webadmin.api.replies import Contract, answer, listed, stream

api = Blueprint("users_v2_basic", __name__, url_prefix="/api/v2/users")
LONGEST_TOKEN = 1024      # characters
MASK = "$2b$12$" + "." * 53
SHAPES = {401: {"authenticated": False}, 403: {"access_allowed": False}, 404: {"not_found": True}, 405: {"method_not_allowed": True},
          413: {"body_too_large": True}, 415: {"unsupported_media_type": True}, 429: {"too_many_requests": True},
          500: {"server_error": True}, 503: {"service_unavailable": True}}
FIELDS = {"username": "user_name", "email": "user_name"}


def shape(status: int, _sentence: str) -> dict[str, Any]:
    return SHAPES.get(status, {"bad_request": True})


CONTRACT = Contract("users_v2_basic", "API v2", api, lambda path: path.startswith("/api/v2/"), shape, scheme="Basic",
                    rules={tokens.TokenRefused: 401, WrongCredentials: 401})


@api.before_request
def authenticate() -> None:
    """Basic or Bearer -> account. A browser adds Basic by itself, so then another site's request is refused."""
    if request.method == "OPTIONS":
        return
    token = wire.bearer()
    g.by_token = token is not None
    if token is not None:
        g.account = tokens.read_api_token(token).account
        return
    name, password = wire.basic()
    if wire.sent_by_browser():
        if security.is_cross_site():
            abort(403)
        wire.must_be_json()
    g.account = signin.basic(name, password, by=caller.actor())


@api.get("")
def list_users() -> Response:
    caller.actor().must_be_administrator()
    return stream(_pieces())


@api.get("/<name>")
def show(name: str) -> Response:
    return answer(_secrets(_visible(name)))


@api.post("/<name>")
def create(name: str) -> Response:
    caller.actor().must_be_administrator()
    if users.named(name) is not None:
        raise Taken
    password, token = _given()
    account = users.create({"username": name}, password if password is not None else tokens.opaque(), by=caller.actor(),
                           api_token=tokens.hashed(token if token is not None else tokens.opaque()))
    return answer(_secrets(account))


@api.route("/<name>/update", methods=["PUT", "PATCH"])
def update(name: str) -> Response:
    account = _visible(name)
    password, token = _given()
    if password is None and token is None:
        raise wire.Unreadable
    if g.by_token and account.id == g.account.id and password is not None:
        raise NotAllowed      # a stored API token must not become a password
    hashed = tokens.hashed(token) if token is not None else None
    if password is not None:
        account = users.change_password(account, password, by=caller.actor(), api_token=hashed)
    elif hashed:
        account = users.set_api_token(account, hashed, by=caller.actor())
    return answer({"_id": {"$oid": account.object_id}, **_secrets(account)})


@api.post("/<name>/refresh")
def refresh(name: str) -> Response:
    account = _visible(name)
    if request.get_data():
        wire.json_object()
    return answer({"token": tokens.renew_api_token(account, by=caller.actor())})


@api.delete("/<name>")
def delete(name: str) -> Response:
    caller.actor().must_be_administrator()
    users.delete(_found(name), by=caller.actor())
    return answer({})


@api.errorhandler(wire.Unreadable)
def missing_parameters(_: wire.Unreadable) -> Response:
    return answer({"missing_parameters": True}, 400)


@api.errorhandler(Invalid)
def invalid_parameters(error: Invalid) -> Response:
    return answer({"invalid_parameters": {FIELDS.get(error.field, error.field or "user_name"): error.sentence}}, 400)


@api.errorhandler(Taken)
def user_exists(_: Taken) -> Response:
    return answer({"user_exists": True}, 403)


@api.errorhandler(NotFound)
def user_missing(_: NotFound) -> Response:
    return answer({"user_exists": False}, 403)


@api.errorhandler(LastAdministrator)
def last_administrator(_: LastAdministrator) -> Response:
    return answer({"last_administrator": True}, 403)


def _visible(name: str) -> Account:
    """The account of this name, for an administrator or its own person; the others hear the same for every name."""
    if not g.account.is_administrator and names.key(name) not in (g.account.username_key, g.account.email_key):
        raise NotAllowed
    return _found(name)


def _found(name: str) -> Account:
    account = users.named(name)
    if account is None or account.deleted_at is not None:
        raise NotFound
    return account


def _given() -> tuple[str | None, str | None]:
    """Password and token of the body, None where missing."""
    body = wire.json_object()
    password, token = wire.optional_text(body, "password"), wire.optional_text(body, "token")
    if token is not None and not 1 <= len(token) <= LONGEST_TOKEN:
        raise Invalid(f"A token has 1 to {LONGEST_TOKEN} characters.", field="token")
    return password, token


def _secrets(account: Account) -> dict[str, str]:
    masked = policies.lately().mask_hashes
    return {"user_name": account.username, "password": MASK if masked else account.password_hash or MASK,
            "token": MASK if masked else account.token_hash or MASK}


def _pieces():
    yield '{"users":'
    yield from listed(name for (name,) in directory.everyone(Account.username))
    yield "}"


