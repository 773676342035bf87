"""For scripts: the contracts as pages, their files, and the lines for curl, each of which is really sent."""
from __future__ import annotations

import json
import re
import shlex
from base64 import b64encode
from itertools import pairwise

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.page import Element, Page
from tests.phone import Phone
from tests.visitor import PASSWORD, Visitor
from webadmin import documents
from webadmin.accounts import tokens, users
from webadmin.accounts.actors import Actor
from webadmin.accounts.models import Account, Session
from webadmin.accounts.second_factors import factors, totp
from webadmin.accounts.sessions import Kept


@pytest.fixture(params=documents.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_each_file_is_served_to_everyone_as_it_is(app: Flask, store: object, name: str) -> None:
    answer = app.test_client().get(f"/openapi/{name}.json")
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    assert answer.text == documents.text(name)


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/openapi/nothing.json", 404), ("GET", "/openapi/", 404), ("GET", "/openapi/users_v2_basic", 404),
    ("POST", "/openapi/user_mass.json", 405)])
def test_other_addresses_there_fail_in_json(app: Flask, store: object, method: str, path: str, status: int) -> None:
    answer = app.test_client().open(path, method=method)
    assert answer.status_code == status and list(answer.get_json()) == ["error"]


def test_pages_open_for_every_account_and_are_in_its_menu(browser: Visitor, ada: Account, bob: Account) -> None:
    page = browser.sign_in("bob").get("/scripts")
    assert page.h1 == "For scripts"
    assert page.href("For scripts") == "/scripts"
    assert {f"/scripts/{each}" for each in documents.NAMES} <= {each.attrs["href"] for each in page.all("a")}


def test_a_stranger_is_asked_to_sign_in(browser: Visitor, ada: Account, name: str) -> None:
    browser.get(f"/scripts/{name}", 303)
    assert browser.location == f"/login?next=/scripts/{name}"


def test_an_unknown_contract_is_not_found(desk: Visitor) -> None:
    desk.get("/scripts/nothing", 404)


def test_a_page_shows_every_route_field_and_answer_of_its_file(desk: Visitor, name: str) -> None:
    text = desk.get(f"/scripts/{name}").text
    document = documents.read(name)
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert f"{method.upper()} {path}" in text
            for field in operation.get("parameters", []):
                assert field.get("name", "username") in text
            assert all(status in text for status in operation["responses"])
    for schema in _bodies(document):
        assert all(field in text for field in schema["properties"])
    assert desk.page.href("OpenAPI file") == f"/openapi/{name}.json"


def test_every_link_within_the_pages_leads_somewhere(desk: Visitor) -> None:
    found = {each.attrs["href"] for each in desk.get("/scripts").all("main")[0].all("a") if each.attrs["href"].startswith("/scripts/")}
    assert found
    for href in found:
        path, _, anchor = href.partition("#")
        assert not anchor or anchor in {each.attrs.get("id") for each in desk.get(path).all()}, href


def test_a_line_of_every_route_is_one_that_curl_takes(desk: Visitor, name: str) -> None:
    lines = _lines(desk.get(f"/scripts/{name}").markup)
    assert len(lines) == sum(len(item) for item in documents.read(name)["paths"].values())
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "curl" and sum(word.startswith("http://127.0.0.1:") for word in words) == 1
        assert "{" not in re.sub(r"-d '.*'", "", line)
        if "-d" in words:
            json.loads(words[words.index("-d") + 1])


def test_a_mass_change_is_shown_as_a_dry_run(desk: Visitor) -> None:
    lines = _lines(desk.get("/scripts/user_mass").markup)
    assert all("dry_run=1" in line for line in lines if "-X PUT" in line or "-X DELETE" in line)


def test_the_same_by_curl_works_for_each_view(desk: Visitor, ada: Account, bob: Account) -> None:
    assert _send(desk, "/users").get_json() == {"users": ["ada", "bob"]}
    assert _send(desk, f"/users/{bob.id}").get_json()["user_name"] == "bob"
    assert _send(desk, "/users/new").get_json()["user_name"] == "new-name"
    assert _send(desk, f"/users/{bob.id}/edit").get_json()["_id"] == {"$oid": bob.object_id}
    assert _send(desk, "/scripts").get_json().keys() == {"token"}


def test_names_are_quoted_for_the_shell_and_the_address(desk: Visitor, by_ada: Actor) -> None:
    odd = users.create({"username": "o'hara+$x@example.com", "email": "o'hara+$x@example.com"}, PASSWORD, by=by_ada)
    assert _send(desk, f"/users/{odd.id}").get_json()["user_name"] == "o'hara+$x@example.com"


def test_a_deleted_account_has_no_line(desk: Visitor, bob: Account, by_ada: Actor) -> None:
    users.delete(bob, by=by_ada)
    assert _lines(desk.get(f"/users/{bob.id}").markup) == []


def test_the_line_names_the_address_of_the_settings(desk: Visitor, app: Flask, bob: Account) -> None:
    assert app.config["SETTINGS"].address + "/api/v2/users" in _lines(desk.get("/users").markup)[0]


def test_who_has_a_second_factor_is_shown_the_token_and_not_the_password(desk: Visitor, ada: Account, by_ada: Actor) -> None:
    nonce = totp.new_nonce()
    keep = Kept(session=Session.get(Session.account_id == ada.id).id)
    factors.add_app(ada, nonce, Phone(totp.secret(ada, nonce)).code(), by=by_ada, keep=keep)
    page = desk.get("/scripts")
    words = shlex.split(_lines(page.markup)[0].replace("\\\n", ""))
    assert "-u" not in words and "Authorization: Bearer $TOKEN" in words and "has a second factor" in page.text
    token = tokens.renew_api_token(users.find(ada.id), by=by_ada)
    address = next(word for word in words if word.startswith("http://")).removeprefix(desk.app.config["SETTINGS"].address)
    answer = desk.app.test_client().get(address, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200 and answer.get_json()["user_name"] == "ada"


def _lines(markup: str) -> list[str]:
    return [block for block in (_raw(each) for each in Page(markup).all("code")) if block.startswith("curl ")]


def _raw(element: Element) -> str:
    return "".join(piece if isinstance(piece, str) else _raw(piece) for piece in element.pieces)


def _send(desk: Visitor, view: str) -> TestResponse:
    """The first line of this page, as curl would send it with ada's password."""
    words = shlex.split(_lines(desk.get(view).markup)[0].replace("\\\n", ""))
    given = dict(pairwise(words))
    body = given.get("-d")
    address = next(word for word in words if word.startswith("http://")).removeprefix(desk.app.config["SETTINGS"].address)
    credential = b64encode(f"{given['-u']}:{PASSWORD}".encode()).decode()
    answer = desk.app.test_client().open(address, method=given.get("-X", "POST" if body else "GET"), data=body,
                                         headers={"Authorization": f"Basic {credential}", "Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer


def _bodies(document: dict[str, dict]) -> list[dict]:
    schemas = document["components"]["schemas"]
    kinds = [part["schema"]["$ref"].rpartition("/")[2] for item in document["paths"].values() for operation in item.values()
             for part in operation.get("requestBody", {}).get("content", {}).values()]
    return [schemas[kind] for kind in kinds if "properties" in schemas[kind]]
