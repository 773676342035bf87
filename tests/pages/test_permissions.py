"""Who may open what: one row for each page there is, made known by the app's own table of addresses. A page without a row fails."""
from __future__ import annotations

import pytest

from tests.visitor import Visitor
from webadmin.accounts import links, sessions, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Session

OPEN, SIGN_IN, NOT_YOURS, DONE, GONE = 200, 303, 403, 303, 404
# what anonymous, ordinary user and administrator get; a disabled or deleted account's cookie is worth what no cookie is
EVERYBODY = {"GET /login": (OPEN, DONE, DONE), "POST /login": (422, 422, 422), "POST /theme": (DONE, DONE, DONE), "GET /login/second": (DONE, DONE, DONE), "POST /login/second": (DONE, DONE, DONE), "POST /login/passkey": (OPEN, OPEN, OPEN),
             "POST /login/second/passkey": (GONE, GONE, GONE), "GET /setup/{token}": (GONE, GONE, GONE),
             "POST /setup/{token}": (GONE, GONE, GONE)}
ACCOUNTS = {"GET /": (SIGN_IN, DONE, DONE), "GET /me": (SIGN_IN, OPEN, OPEN), "POST /me": (SIGN_IN, DONE, DONE), "GET /password": (SIGN_IN, OPEN, OPEN),
            "POST /password": (SIGN_IN, 422, 422), "POST /logout": (SIGN_IN, DONE, DONE), "POST /me/sessions/{session}/end": (SIGN_IN, GONE, GONE),
            "POST /me/sessions/end": (SIGN_IN, DONE, DONE), "GET /me/authenticator": (SIGN_IN, OPEN, OPEN),
            "POST /me/authenticator": (SIGN_IN, OPEN, OPEN), "GET /me/authenticator/remove": (SIGN_IN, OPEN, OPEN), "POST /me/authenticator/remove": (SIGN_IN, GONE, GONE),
            "POST /me/recovery-codes": (SIGN_IN, 422, 422), "POST /me/recovery-codes/file": (SIGN_IN, 400, 400), "POST /me/token": (SIGN_IN, OPEN, OPEN),
            "GET /scripts": (SIGN_IN, OPEN, OPEN), "GET /scripts/{name}": (SIGN_IN, GONE, GONE)}
PASSKEYS = {"GET /me/passkeys/new": (SIGN_IN, OPEN, OPEN), "POST /me/passkeys/new": (SIGN_IN, OPEN, OPEN), "POST /me/passkeys/ask": (SIGN_IN, OPEN, OPEN),
            "POST /me/passkeys/confirm": (SIGN_IN, OPEN, OPEN), "GET /me/passkeys/{passkey}": (SIGN_IN, GONE, GONE), "POST /me/passkeys/{passkey}": (SIGN_IN, GONE, GONE),
            "GET /me/passkeys/{passkey}/remove": (SIGN_IN, GONE, GONE), "POST /me/passkeys/{passkey}/remove": (SIGN_IN, GONE, GONE)}
ADMINISTRATORS = {
    "GET /users": OPEN, "GET /users/new": OPEN, "POST /users/new": 422, "GET /users/{account}": OPEN, "GET /users/{account}/edit": OPEN,
    "POST /users/{account}/edit": DONE, "POST /users/{account}/disable": DONE, "POST /users/{account}/enable": DONE, "POST /users/{account}/ask-password": DONE,
    "POST /users/{account}/sessions/end": DONE, "POST /users/{account}/sessions/{session}/end": GONE, "GET /users/{account}/delete": OPEN,
    "POST /users/{account}/delete": DONE, "POST /users/{account}/restore": DONE, "GET /users/{account}/purge": GONE, "POST /users/{account}/purge": GONE,
    "GET /users/{account}/reset-factors": GONE, "POST /users/{account}/reset-factors": GONE,
    "GET /activity": OPEN, "GET /settings": OPEN, "POST /settings": DONE}
ROWS = {**EVERYBODY, **ACCOUNTS, **PASSKEYS, **{row: (SIGN_IN, NOT_YOURS, answer) for row, answer in ADMINISTRATORS.items()}}
NAMES = {"account_id": "account", "session_id": "session", "passkey_id": "passkey"}


def rows_of(app) -> set[str]:
    """Every method and address of a page, written as in ROWS."""
    found = set()
    for rule in app.url_map.iter_rules():
        if app.view_functions[rule.endpoint].__module__.startswith("webadmin.pages."):
            shown = "".join(f"{{{NAMES.get(part, part)}}}" if is_variable else part for is_variable, part in rule._trace if part != "|")
            found |= {f"{method} {shown}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    return found


def test_every_page_has_a_row_and_every_row_a_page(app):
    assert rows_of(app) == set(ROWS)


def test_every_address_belongs_to_a_page_or_a_contract(app):
    modules = {app.view_functions[rule.endpoint].__module__ for rule in app.url_map.iter_rules()}
    assert all(module.startswith(("webadmin.pages.", "webadmin.api.")) or module in ("webadmin.look", "webadmin.health") for module in modules), modules


@pytest.fixture
def visitors(app, ada, bob, carol, person, by_ada):
    """One browser for each kind of caller; the last two held a session when their accounts ended."""
    gone, off = person("gone"), person("off")
    made = {"anonymous": Visitor(app), "user": Visitor(app).sign_in("bob"), "administrator": Visitor(app).sign_in("ada"),
            "disabled": Visitor(app).sign_in("off"), "deleted": Visitor(app).sign_in("gone")}
    users.disable(off, by=by_ada)
    users.delete(gone, by=by_ada)
    return made


@pytest.mark.parametrize("row", sorted(ROWS))
def test_who_gets_what(visitors, carol, row):
    method, address = row.split()
    address = address.format(account=carol.id, session=999, passkey=999, token=links.make_set_up(), name="nothing")
    anonymous, user, administrator = ROWS[row]
    expected = {"anonymous": anonymous, "disabled": anonymous, "deleted": anonymous, "user": user, "administrator": administrator}
    for who, visitor in visitors.items():
        before = carol_as_stored(carol)
        if method == "GET":
            visitor.get(address, expected[who])
        else:
            visitor.post(address, expected[who], **({"username": "carol", "role": "1"} if address.endswith("/edit") else {}))
        if row not in EVERYBODY and who not in ("user", "administrator"):
            assert visitor.location.startswith("/login")
        if who != "administrator":
            assert carol_as_stored(carol) == before
        if expected[who] == NOT_YOURS:
            assert "may not" in visitor.page.text, "a sentence says why"


def carol_as_stored(carol):
    return users.find(carol.id).__data__


IDS = ["0", "-1", "00", "01", "%201", "1%20", "１", "1e3", "1.0", "0x1", "+1", "9223372036854775807", "9223372036854775808", "9" * 19, "9" * 20, "9" * 5000, "1;2", "1%00",
       "abc", "null", "%2e%2e", "1'", "1/", "%ff", "²"]


@pytest.mark.parametrize("number", IDS)
def test_odd_numbers_are_not_found_and_never_a_500(desk, number):
    for address in (f"/users/{number}", f"/users/{number}/edit", f"/users/{number}/delete", f"/users/{number}/purge"):
        assert desk.client.get(address).status_code in (404, 308) or number == "1/", address
    desk.get("/users/new")
    token = desk.token()
    for address in (f"/users/{number}/disable", f"/users/{number}/restore", f"/users/1/sessions/{number}/end", f"/me/sessions/{number}/end"):
        assert desk.client.post(address, data={"csrf_token": token}).status_code in (404, 405, 308), address


def test_a_number_that_is_missing_looks_like_one_that_is_not_yours(browser, ada, bob, carol):
    browser.sign_in("bob")
    pages = [browser.get(f"/users/{number}", 403).text.split("request")[0] for number in (carol.id, 99999)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("address", ["//users", "/users/", "/USERS", "/users/../users", "/users;x", "/users%2f1", "/./users", "/users/1/../1/edit"])
def test_no_spelling_of_an_address_opens_more(browser, ada, bob, address):
    browser.sign_in("bob")
    assert browser.client.get(address).status_code in (303, 308, 403, 404)
    assert browser.client.head("/users").status_code == 403
    answer = browser.client.get("/users", headers={"X-HTTP-Method-Override": "POST", "X-Original-URL": "/me", "X-Rewrite-URL": "/me"})
    assert answer.status_code == 403


def test_a_get_changes_nothing(desk, bob, store):
    """Every address that answers a GET, opened by an administrator: the store is the same before and after, but for the last use of a session."""
    from webadmin.accounts import models
    def held():
        return [sorted(str(row.__data__) for row in table.select()) for table in models.Model.__subclasses__() if table is not Session]
    users.delete(bob, by=COMMAND_LINE)
    before = held()
    for row in ROWS:
        if row.startswith("GET"):
            desk.client.get(row.split()[1].format(account=bob.id, session=1, passkey=1, token="x", name="x"))
    assert held() == before and sessions.CONFIRMED_MINUTES == 15
