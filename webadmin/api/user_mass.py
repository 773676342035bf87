"""user_mass.md: list, update or delete every account at once, and sign up.

Odd on purpose: who is not an administrator gets a 401, never a 403; `POST /user` leads to `/auth`; the token may stand in the query, a
form or the body, and Authorization: Bearer wins; the sentences keep their misspellings.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_to_bytes

from flask import Blueprint, Response, g, request
from werkzeug.datastructures import MultiDict

from webadmin import caller
from webadmin.accounts import directory, mass, passwords, registration, tokens
from webadmin.accounts.errors import AccountError, Invalid, NotAllowed, Taken
from webadmin.accounts.models import Account
from webadmin.accounts.sessions import Kept
from webadmin.api import wire
from webadmin.api.replies import Contract, answer

api = Blueprint("user_mass", __name__)
PAGE_SIZE = 50
LAST_PAGE = 10**12
FIELDS = {"user": "username", "pass": "password", "fname": "first_name", "lname": "last_name", "new_email": "email"}
SIGN_UP = ("user", "pass", "fname", "lname", "email")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
BCRYPT = r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}"
EVERY_CONTRACT = (tokens.V1, tokens.CHIRPY, tokens.COOKIE, tokens.MASS)


class Refused(AccountError):
    """No token, a bad one, or not an administrator's."""


def shape(status: int, sentence: str) -> dict[str, Any]:
    return {"message": "A server error occured" if status == 500 else sentence}


CONTRACT = Contract("user_mass", "mass API", api, lambda path: path in ("/user", "/auth"), shape,
                    rules={Refused: 401, tokens.TokenRefused: 401, Taken: 403})


@api.get("/user")
def list_users() -> Response:
    _authenticate("access this resource")
    page = _once(request.args, "page") if "page" in request.args else "0"
    if not re.fullmatch(wire.WHOLE, page):
        raise wire.Unreadable("page must be a whole number from 0.")
    first = min(int(page[:13]), LAST_PAGE) * PAGE_SIZE
    return answer({"message": "Success", "data": [{"uid": number, "email": email} for number, email in directory.numbered(
        first, PAGE_SIZE, Account.id, Account.email)]})


@api.post("/user")
def redirect_to_auth() -> Response:
    response = answer({"message": "Moved to /auth"}, 308, Location="/auth")
    response.autocorrect_location_header = False
    return response


@api.put("/user")
def update_all() -> Response:
    bearer = _authenticate("perform this action")
    dry_run = _dry_run()
    given = _fields()
    password = given.pop("pass", None)
    if password is not None and re.fullmatch(BCRYPT, password) and not passwords.is_bcrypt(password):
        raise Invalid("pass is a bcrypt hash of a cost that is not taken: 4 to 14 are.")
    with _being_refused():
        plan = mass.update({FIELDS[name]: value for name, value in given.items()}, password, by=caller.actor(), dry_run=dry_run,
                           keep=Kept(login=bearer.login.id if bearer.login else 0))
    if dry_run:
        named = [name for name in FIELDS if name in given or (name == "pass" and password is not None)]
        return answer({"message": "Nothing was changed", "data": {"accounts": plan.accounts, "fields": named}})
    return answer({"message": "Data successfully updated"})


@api.delete("/user")
def delete_all() -> Response:
    _authenticate("perform this action")
    dry_run = _dry_run()
    with _being_refused():
        plan = mass.delete_others(by=caller.actor(), dry_run=dry_run)
    if dry_run:
        return answer({"message": "Nothing was changed", "data": {"accounts": plan.accounts}})
    return answer({"message": "Accounts sucessfully deleted"})


@api.post("/auth")
def sign_up() -> Response:
    body = _body()
    user, password, first, last, email = (wire.text(body, name) for name in SIGN_UP)
    if not user or not email:
        raise wire.Unreadable("user and email must not be empty.")
    given = {"username": user, "email": email, "first_name": first, "last_name": last}
    try:
        account = registration.register(given, password, by=caller.actor())
    except Taken:
        raise Taken("An account already exists with that email") from None
    token = tokens.issue(account, tokens.start(account, tokens.MASS, by=caller.actor()))
    return answer({"message": "Sign up sucessful", "token": token}, 201)


def _authenticate(wish: str) -> tokens.Bearer:
    """Bearer, else the query's token, else the body's -> administrator."""
    try:
        bearer = _read(wire.bearer() if wire.scheme() == "bearer" else _token())
    except tokens.TokenRefused:
        bearer = None
    if bearer is None or not bearer.account.is_administrator:
        raise Refused(f"You do not have permission to {wish}")
    g.account = bearer.account
    return bearer


def _read(token: str | None) -> tokens.Bearer:
    """An API token, or an access token of any contract."""
    if not token:
        raise tokens.TokenRefused
    try:
        return tokens.read(token, EVERY_CONTRACT)
    except tokens.TokenMalformed:
        return tokens.read_api_token(token)


def _token() -> str | None:
    if "token" in request.args:
        return request.args["token"]
    try:
        found = _body().get("token") if request.method != "GET" and request.get_data(parse_form_data=False, cache=True) else None
    except wire.Unreadable:
        return None      # who may not is told so before the body is judged
    return found if isinstance(found, str) else None


def _body() -> dict[str, Any]:
    """The fields of a form, or of a JSON object, which curl sends as a form unless told otherwise."""
    raw = request.get_data(parse_form_data=False, cache=True)
    if request.mimetype in FORMS and not raw.lstrip().startswith(b"{"):
        wire.must_be_utf_8(raw if request.mimetype == FORMS[1] else unquote_to_bytes(raw))
        return {name: _once(request.form, name) for name in request.form}
    return wire.json_object()


def _fields() -> dict[str, str]:
    """What to change, from query, form or JSON; each field once."""
    wire.must_be_utf_8(unquote_to_bytes(request.query_string))
    body = _body() if request.get_data(parse_form_data=False, cache=True) or request.form else {}
    given: dict[str, str] = {}
    for name in FIELDS:
        values = [*request.args.getlist(name), *([wire.text(body, name)] if name in body else [])]
        if len(values) > 1:
            raise wire.Unreadable(f"{name} is given twice.")
        if values and not values[0] and name not in ("fname", "lname"):
            raise wire.Unreadable(f"{name} is empty.")
        given.update({name: values[0]} if values else {})
    return given


def _once(words: MultiDict[str, str], name: str) -> str:
    if len(words.getlist(name)) > 1:
        raise wire.Unreadable(f"{name} is given twice.")
    return words[name]


@contextmanager
def _being_refused() -> Iterator[None]:
    """Who is no administrator any more, since a moment ago, hears what others hear."""
    try:
        yield
    except NotAllowed:
        raise Refused("You do not have permission to perform this action") from None


def _dry_run() -> bool:
    """Of the address alone, and nobody is deleted by a typing error: anything that looks like it and is not is refused."""
    given = _once(request.args, "dry_run") if "dry_run" in request.args else "0"
    besides = (*(request.args.keys() - {"dry_run"}), *_names_in_body())
    if given not in ("0", "1") or any(re.sub("[^a-z]", "", name.lower()) == "dryrun" for name in besides):
        raise wire.Unreadable("dry_run must be 1 or 0, and stand in the address: ?dry_run=1.")
    return given == "1"


def _names_in_body() -> list[str]:
    """Of its fields; of a body that cannot be read, all its words."""
    raw = request.get_data(parse_form_data=False, cache=True)
    try:
        return list(_body()) if raw else []
    except wire.Unreadable:
        return re.findall(r"[A-Za-z_-]+", raw.decode("latin-1"))


