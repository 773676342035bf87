"""What people type is shown as they typed it, everywhere, and does nothing else."""
from __future__ import annotations

import base64

import pytest

from tests.conftest import BROWSER, PASSWORD
from tests.pages.test_permissions import OPEN, ROWS
from tests.phone import Phone
from tests.visitor import Visitor
from webadmin.accounts import keys, tokens, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account, Authenticator, KeyMark, Link, Login, RecoveryCode, Session
from webadmin.accounts.second_factors import factors, totp

PAYLOADS = ["<script>alert(1)</script>", "\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<img src=x onerror=alert`1`>",
            "javascript:alert(1)", "\" onmouseover=\"alert(1)", "' onfocus='alert(1)' autofocus='", "</title><script>alert(1)</script>", "</textarea><script>alert(1)</script>",
            "<iframe srcdoc='<script>alert(1)</script>'>", "<a href=\"javascript:alert(1)\">x</a>", "{{7*7}}", "{% raw %}", "${7*7}", "#{7*7}", "<%= 7*7 %>", "{{config}}",
            "{{''.__class__}}", "%s%n%x", "<b>bold</b>", "&lt;script&gt;", "&#60;script&#62;", "\\u003cscript\\u003e", "<!--", "]]>", "<style>*{}</style>", "<meta http-equiv=refresh>",
            "<base href=//evil.example>", "<form action=//evil.example>", "<details open ontoggle=alert(1)>", "<math><mi xlink:href=javascript:alert(1)>", "`;alert(1);//",
            "';alert(1);//", "</main><h1>x</h1>", "<input name=csrf_token>", "<object data=x>", "<embed src=x>", "<link rel=stylesheet href=//e>", "<script src=//evil.example></script>"]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_markup_in_any_field_is_shown_as_text(desk, bob, app, payload):
    fields = {"display_name": payload, "first_name": payload, "last_name": payload, "reason": payload}
    desk.fill(f"/users/{bob.id}/edit", **fields)
    users.disable(bob, by=COMMAND_LINE)
    addresses = [f"/users/{bob.id}", f"/users/{bob.id}/edit", f"/users/{bob.id}/delete", "/users?sort=created", "/activity", f"/activity?account={bob.id}"]
    desk.post(f"/users/{bob.id}/delete", reason=payload)
    for address in ["/users?state=deleted", f"/users/{bob.id}", f"/users/{bob.id}/purge", "/activity"]:
        assert_harmless(desk, address, payload)
    users.enable(users.restore(bob, by=COMMAND_LINE), by=COMMAND_LINE)
    for address in addresses:
        assert_harmless(desk, address, payload)
    own = Visitor(app).sign_in("bob")
    for address in ("/me", "/password"):
        assert_harmless(own, address, payload)


def assert_harmless(visitor: Visitor, address: str, payload: str) -> None:
    page = visitor.get(address)      # checks that nothing is inline, and that all tags are closed
    if "<" in payload:
        assert payload not in page.markup
    for tag in ("iframe", "img", "object", "embed", "base", "style", "math", "textarea"):
        assert not page.all(tag), f"{tag} on {address}"
    assert all(each.attrs["src"].startswith("/static/") for each in page.all("script"))
    if address not in ("/password",):
        assert payload in page.text or payload in [box.attrs.get("value") for box in page.all("input")], f"{payload} is not seen on {address}"


@pytest.mark.parametrize("payload", PAYLOADS[::3])
def test_what_is_searched_for_or_typed_wrongly_is_shown_as_text(desk, payload):
    from urllib.parse import quote
    assert desk.get(f"/users?q={quote(payload)}").value("q") == payload
    assert desk.get(f"/activity?q={quote(payload)}").value("q") == payload
    desk.get(f"/users?sort={quote(payload)}", 400)
    page = desk.fill("/users/new", 422, username=payload, email=payload, display_name=payload, password=PASSWORD)
    assert page.value("username") == payload and page.value("email") == payload
    visitor = Visitor(desk.app)
    assert visitor.fill("/login", 403, name=payload, password="wrong password").value("name") == payload


def test_no_page_shows_a_hash_or_a_key(app, desk, bob, by_ada):
    own = Visitor(app).sign_in("bob")
    nonce = totp.new_nonce()
    codes = factors.add_app(bob, nonce, Phone(totp.secret(bob, nonce)).code(), by=BROWSER.as_account(bob))
    token = tokens.renew_api_token(bob, by=by_ada)
    tokens.start(bob, tokens.CHIRPY, by=by_ada, refresh=(refresh := tokens.opaque()))
    files = [getattr(base64, f"{how}encode")(keys.of(name)).decode().rstrip("=") for name in keys.NAMES for how in ("b16", "b64", "urlsafe_b64")]
    secrets = {*files, *(each.lower() for each in files), token, refresh, *codes, desk.cookie(), own.cookie(), totp.secret(bob, nonce), *stored_secrets()}
    shown = [row.removeprefix("GET ").format(account=bob.id) for row, answers in ROWS.items() if row.startswith("GET") and answers[2] == OPEN]
    shown.append(f"/users/{bob.id}/reset-factors")
    assert len(shown) > 10 and len(secrets) > 20
    for address in shown:
        markup = desk.get(address).markup
        assert "$2b$" not in markup or address == "/scripts", address      # which quotes the documents: examples of a hash
        assert not [each for each in secrets if each in markup], address


def stored_secrets() -> set[str]:
    """What stands in the store in columns that prove something."""
    columns = (Account.password_hash, Account.token_hash, Account.token_digest, Session.key_hash, Login.refresh_digest, Authenticator.nonce,
               RecoveryCode.digest, Link.digest, KeyMark.mark)
    return {row[0] for column in columns for row in column.model.select(column).where(column.is_null(False)).tuples()}
