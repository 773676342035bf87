"""user_v1_cookie.md: a cookie `jwt`, or the same token as Bearer, which wins.

Odd on purpose: a wrong current password is a 401 with an `error` object; the list is the whole list unless a page is asked for. The
cookie comes by itself with what another site makes a browser send, so all of that is refused, a GET included.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, request

from webadmin import caller, security
from webadmin.accounts import directory, signin, tokens, users
from webadmin.accounts.errors import Invalid, WrongCredentials
from webadmin.accounts.models import Account, Role
from webadmin.api import wire
from webadmin.api.replies import Contract, answer, listed, stream, whole

api = Blueprint("user_v1_cookie", __name__, url_prefix="/api/v1/user")
COOKIE, PATH = "jwt", "/api/v1/user"
PAGE_SIZE, LARGEST_PAGE = 100, 1000
ROLES = {Role.USER: "user", Role.ADMINISTRATOR: "admin"}
SHOWN = (Account.role, Account.object_id, Account.display_name, Account.email)
ANONYMOUS = "You are not logged in. Please log in to get access."


def shape(status: int, sentence: str) -> dict[str, Any]:
    if status == 403:
        sentence = "You do not have permission to perform this action"
    return {"status": "error" if status >= 500 else "fail", "message": sentence}


CONTRACT = Contract("user_v1_cookie", "cookie API", api, lambda path: path == PATH or path.startswith(f"{PATH}/"), shape,
                    rules={tokens.TokenRefused: 401, WrongCredentials: 401})


@api.post("/login")
def login() -> Response:
    body = wire.json_object()
    name, password = wire.text(body, "name"), wire.text(body, "password")
    try:
        account = signin.authenticate(name, password, by=caller.actor())
    except WrongCredentials:
        raise WrongCredentials("Incorrect name or password.") from None
    return _signed_in(account)


@api.route("/logout", methods=["GET", "POST"])
def logout() -> Response:
    """Also without a token, or with a cookie that does not hold any more; a bad Bearer is a 401."""
    if security.is_cross_site():
        abort(403)
    try:
        bearer = _authenticate()
        tokens.end(bearer, by=caller.actor())
    except tokens.TokenRefused:
        if wire.scheme() == "bearer":
            raise
    response = answer({"status": "success"})
    response.delete_cookie(COOKIE, **_cookie())
    return response


@api.patch("/updatePassword")
def update_password() -> Response:
    """First `current`, which counts as a sign-in, then `confirm`, then the rules. Everything else of the account ends."""
    account = _authenticate().account
    body = wire.json_object()
    current, password, confirm = (wire.text(body, name) for name in ("current", "password", "confirm"))
    try:
        signin.confirm(account, current, by=caller.actor())
    except WrongCredentials:
        wrong = {"status": "fail", "error": {"statusCode": 401, "status": "fail", "isOperational": True},
                 "message": "Your current password is wrong."}
        return answer(wrong, 401, WWW_Authenticate='Bearer realm="webadmin"')
    if password != confirm:
        raise Invalid("Passwords are not the same.")
    return _signed_in(users.change_password(account, password, by=caller.actor()))


@api.get("/")
@api.get("", strict_slashes=False)
def list_users() -> Response:
    _authenticate()
    caller.actor().must_be_administrator()
    if any(len(request.args.getlist(name)) > 1 for name in ("page", "limit")):
        raise wire.Unreadable("page and limit may be given once.")
    if "page" not in request.args and "limit" not in request.args:
        return stream(_pieces(directory.everyone(*SHOWN)))
    limit = wire.whole(request.args, "limit", PAGE_SIZE, 1, LARGEST_PAGE)
    page = wire.whole(request.args, "page", 1, 1)
    return whole(_pieces(directory.numbered((page - 1) * limit, limit, *SHOWN)))


def _authenticate() -> tokens.Bearer:
    """Bearer, else the cookie -> account."""
    token = wire.bearer()
    if token is None and COOKIE in request.cookies:
        if security.is_cross_site():
            abort(403)
        wire.must_be_json()
        token = request.cookies[COOKIE]
    try:
        if not token:
            raise tokens.TokenRefused
        bearer = tokens.read(token, (tokens.COOKIE,))
    except tokens.TokenRefused:
        raise tokens.TokenRefused(ANONYMOUS) from None
    g.account = bearer.account
    return bearer


def _signed_in(account: Account) -> Response:
    token = tokens.issue(account, tokens.start(account, tokens.COOKIE, by=caller.actor()))
    user = _shown((account.role, account.object_id, account.display_name, account.email))
    response = answer({"status": "success", "token": token, "data": {"user": user}})
    response.set_cookie(COOKIE, token, max_age=tokens.ACCESS_SECONDS[tokens.COOKIE], **_cookie())
    return response


def _cookie() -> dict[str, Any]:
    return {"path": PATH, "secure": current_app.config["SETTINGS"].secure, "httponly": True, "samesite": "Strict"}


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    role, object_id, name, email = row
    return {"role": ROLES[Role(role)], "_id": object_id, "name": name, "email": email}


def _pieces(rows: Any) -> Iterator[str]:
    """`results` comes last: it is what was really sent, however long the list and whatever was written meanwhile."""
    counted = 0

    def shown() -> Iterator[dict[str, Any]]:
        nonlocal counted
        for row in rows:
            counted += 1
            yield _shown(row)

    yield '{"status":"success","data":{"data":'
    yield from listed(shown())
    yield f'}},"results":{counted}}}'
