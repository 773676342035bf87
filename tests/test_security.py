"""What guards every door: tokens, origins, hosts, cookies, headers."""
from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.conftest import again
from tests.visitor import PASSWORD, Visitor, check_cookie
from webadmin import create_app
from webadmin.accounts.models import Account
from webadmin.store import database

SITES = {"same-origin": True, "none": True, "same-site": False, "cross-site": False, "SAME-ORIGIN": True, "": False, "garbage": False}
ORIGINS = {None: True, "http://localhost": True, "https://evil.example": False, "null": False, "http://localhost.evil.example": False, "http://localhost:81": False,
           "": False, "http://LOCALHOST": True, "http://user@localhost": False, "file://": False}


def delete(desk: Visitor, bob: Account, **headers: str) -> int:
    form = {"csrf_token": desk.token()}
    return desk.client.post(f"/users/{bob.id}/delete", data=form, headers=headers).status_code


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("site", [None, *SITES])
def test_what_another_site_sends_is_refused(desk, bob, site, origin):
    headers = {**({"Sec-Fetch-Site": site} if site is not None else {}), **({"Origin": origin} if origin is not None else {})}
    fine = SITES[site] if site is not None else ORIGINS[origin]
    desk.get("/users/new")
    assert delete(desk, bob, **headers) == (303 if fine else 403)
    assert (again(bob).deleted_at is not None) == fine
    assert desk.client.get("/users", headers=headers).status_code == 200, "links from elsewhere work"


def test_every_post_of_a_page_is_refused_from_another_site_and_without_a_token(desk, bob, app):
    before = [row.__data__ for row in Account.select()]
    desk.get("/users/new")
    token = desk.token()
    for rule in app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and app.view_functions[rule.endpoint].__module__.startswith("webadmin.pages."):
            address = rule.rule.replace("<number:account_id>", str(bob.id)).replace("<number:session_id>", "1").replace("<number:passkey_id>", "1").replace("<token>", "x")
            assert desk.client.post(address, data={"csrf_token": token}, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403, address
            assert desk.client.post(address, data={}).status_code == 400, address
            assert desk.client.post(address, data={"csrf_token": token.swapcase()}).status_code == 400, address
    assert [row.__data__ for row in Account.select()] == before and desk.signed_in()


def test_a_token_of_another_session_is_refused(desk, bob, app):
    stranger = Visitor(app)
    stranger.get("/login")
    desk.get("/users/new")
    assert desk.client.post(f"/users/{bob.id}/delete", data={"csrf_token": stranger.token()}).status_code == 400
    assert again(bob).deleted_at is None


def test_a_token_from_before_the_sign_in_or_after_the_sign_out_is_refused(browser, ada):
    browser.get("/login")
    early = browser.token()
    browser.sign_in("ada").get("/users/new")
    late = browser.token()
    assert browser.client.post("/logout", data={"csrf_token": early}).status_code == 400
    browser.post("/logout")
    browser.get("/login")
    assert browser.client.post("/login", data={"csrf_token": late, "name": "ada", "password": PASSWORD}).status_code == 400


def test_signing_in_needs_a_token_too(browser, ada):
    assert browser.client.post("/login", data={"name": "ada", "password": PASSWORD}).status_code == 400
    assert not browser.signed_in()


def test_no_answer_lets_another_site_read_it(desk):
    for address in ("/users", "/me", "/nothing"):
        answer = desk.client.get(address, headers={"Origin": "https://evil.example"})
        assert not [name for name in answer.headers.keys() if name.lower().startswith("access-control")]
        assert "Origin" in answer.headers["Vary"] and "Cookie" in answer.headers["Vary"]
    assert desk.client.options("/users", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}).headers.get(
        "Access-Control-Allow-Origin") is None


@pytest.mark.parametrize("name", ["webadmin_session", "webadmin_form", "webadmin_device"])
def test_a_spoilt_cookie_is_nobodys_and_never_a_500(desk, name):
    chance = random.Random(7)
    good, stranger = desk.cookie(name), desk.app.test_client(use_cookies=False)
    spoilt = ["", " ", "x" * 8192, good[:-1], good + "x", good[::-1], good.upper(), "é", "\x7f", "{}", ".", "..", "a.b", "%00", good * 50]
    for _ in range(150):
        place = chance.randrange(max(1, len(good)))
        spoilt.append(good[:place] + chance.choice("abcXYZ019-_.%=~") + good[place + 1:])
    for value in set(spoilt) - {good}:
        answer = stranger.get("/users", headers={"Cookie": f"{name}={value}"})
        assert answer.status_code in (303, 400), (value, answer.status_code)
    for raw in (b"\xff\xfe", b"\xed\xa0\x80", b'"\\377"', b"a;b;c", b"=;=;="):
        assert stranger.get("/users", headers={"Cookie": "webadmin_session=" + raw.decode("latin-1")}).status_code in (303, 400)


@pytest.mark.parametrize("host", ["", "a b", "evil.example/path", "a,b", "user@host", "evil.example:99999999", "[::1", "-", "a\tb", "localhost#x"])
def test_a_host_that_is_none_is_refused(app, ada, host):
    answer = app.test_client().get("/login", headers={"Host": host})
    assert answer.status_code == 400 and "Content-Security-Policy" in answer.headers


def test_without_a_public_address_any_host_is_answered_and_none_is_repeated(app, ada):
    answer = app.test_client().get("/users", headers={"Host": "evil.example"})
    assert answer.status_code == 303 and answer.headers["Location"] == "/login?next=/users" and "evil" not in answer.text
    for path in ("/users/", "/users//1", "//users", "/login/", "/api/v1/user", "/api/v1/user/", "/api//v1/users", "/scripts//users_v2_basic"):
        answer = app.test_client().get(path, headers={"Host": "evil.example"})
        assert "evil" not in answer.headers.get("Location", "") + answer.text, path


@pytest.fixture
def public(settings, store, ada):
    app = create_app(replace(settings, url="https://accounts.example.com"))
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    return client


@pytest.mark.parametrize("host, status", [("accounts.example.com", 200), ("ACCOUNTS.example.com", 200), ("accounts.example.com:443", 200), ("127.0.0.1:5000", 200),
                                          ("localhost", 200), ("[::1]:5000", 200), ("evil.example", 400), ("accounts.example.com.evil.example", 400), ("10.0.0.1", 400)])
def test_with_a_public_address_only_that_host_and_this_machine_are_answered(public, host, status):
    assert public.get("/login", headers={"Host": host}).status_code == status


def test_a_public_address_may_be_a_number_of_version_6(settings, store, ada):
    client = create_app(replace(settings, url="https://[2001:db8::1]")).test_client()
    assert client.get("/login", headers={"Host": "[2001:db8::1]"}).status_code == 200
    assert client.get("/login", headers={"Host": "[2001:db8::2]"}).status_code == 400


def test_on_https_cookies_are_secure_and_bound_to_the_host(public):
    where = {"base_url": "https://accounts.example.com"}
    page = public.get("/login", **where)
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = public.post("/login", data={"csrf_token": token, "name": "ada", "password": PASSWORD, "remember": "y"}, **where)
    assert answer.status_code == 303
    lines = page.headers.getlist("Set-Cookie") + answer.headers.getlist("Set-Cookie")
    assert {line.partition("=")[0] for line in lines} == {"__Host-webadmin_form", "__Host-webadmin_session", "__Host-webadmin_device"}
    for line in lines:
        check_cookie(line, secure=True)
    assert page.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert public.get("/users", **where).status_code == 200


def test_the_public_origin_is_our_own(public):
    where = {"base_url": "https://accounts.example.com"}
    token = public.get("/login", **where).text.split('name="csrf_token" value="')[1].split('"')[0]
    for origin, status in (("https://accounts.example.com", 303), ("https://evil.example", 403)):
        answer = public.post("/theme", data={"csrf_token": token, "theme": "dark"}, headers={"Origin": origin}, **where)
        assert answer.status_code == status


def test_behind_a_proxy_plain_http_is_sent_to_https(settings, store, ada):
    client = create_app(replace(settings, url="https://accounts.example.com", proxies=1)).test_client()
    answer = client.get("/users?q=a", headers={"Host": "accounts.example.com", "X-Forwarded-Proto": "http"})
    assert answer.status_code == 308 and answer.headers["Location"] == "https://accounts.example.com/users?q=a"
    assert client.get("/login", headers={"Host": "accounts.example.com", "X-Forwarded-Proto": "https"}).status_code == 200
    for path in ("/api/v2/users", "/api/v1/user", "/api/users", "/api/nowhere", "/user", "/auth"):
        assert client.get(path, headers={"Host": "accounts.example.com", "X-Forwarded-Proto": "http"}).status_code == 403, path


def test_only_declared_hops_say_where_a_request_came_from(settings, store, ada):
    from webadmin.accounts.models import Change
    for hops, expected in ((0, "127.0.0.1"), (1, "203.0.113.9")):
        visitor = Visitor(create_app(replace(settings, proxies=hops, url="http://localhost" if hops else "")))
        visitor.get("/login")
        visitor.client.post("/login", data={"csrf_token": visitor.token(), "name": "ada", "password": "wrong password"},
                            headers={"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "X-Forwarded-Host": "evil.example"})
        with database.connection():
            assert Change.select().order_by(Change.id.desc()).first().source == expected


@pytest.mark.parametrize("origin", ["http://[", "null", "http://evil.example", "//", "x" * 3000, "http://localhost:99999"])
def test_an_odd_origin_is_another_site(app, ada, origin):
    for path in ("/login", "/api/v1/login", "/user", "/api/users"):
        assert app.test_client().post(path, headers={"Origin": origin}).status_code == 403
