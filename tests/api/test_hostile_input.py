"""What no client should send: refused in the contract's own shape, never a 500, and nothing is written (docs/security.md, IN, AZ3 to AZ7)."""
from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import NEW_PASSWORD, Script, all_routes, all_rows, named, owner, row
from tests.conftest import PASSWORD
from webadmin.accounts import names
from webadmin.accounts.models import Account
from webadmin.api.wire import LONGEST_BODY

USUAL = {"last_signed_in_at": 0}
SUITE = os.environ.get("WEBADMIN_TRY_JSON_SUITE", "")
STRICTER = {"y_object_duplicated_key", "y_object_duplicated_key_and_value", "y_object_extreme_numbers", "y_number", "y_number_real_capital_e",
            "y_number_real_exponent", "y_number_real_fraction_exponent"}      # a key twice; numbers from 10^18 on
TOKEN = "a-token-of-more-than-20-letters"


@dataclass(frozen=True)
class Door:
    """A route that reads a body: who knocks, and a body that it takes."""

    method: str
    path: str
    body: dict[str, Any]
    who: str = ""
    good: int = 200
    optional: bool = False
    fields: dict[str, Any] = field(default_factory=dict)


DOORS = {
    "v2 create": Door("POST", "/api/v2/users/eve", {"password": NEW_PASSWORD, "token": TOKEN}, "basic"),
    "v2 update": Door("PUT", "/api/v2/users/bob/update", {"password": NEW_PASSWORD, "token": TOKEN}, "basic"),
    "v2 patch": Door("PATCH", "/api/v2/users/bob/update", {"password": NEW_PASSWORD, "token": TOKEN}, "basic"),
    "v2 refresh": Door("POST", "/api/v2/users/bob/refresh", {}, "basic", optional=True),
    "v1 register": Door(
        "POST", "/api/v1/register", {"login": "eve", "password": NEW_PASSWORD, "user_name": "Eve", "user_role": 1}, good=201
    ),
    "v1 login": Door("POST", "/api/v1/login", {"login": "bob", "password": PASSWORD}),
    "chirpy create": Door("POST", "/api/users", {"email": "eve@example.com", "password": NEW_PASSWORD}, good=201),
    "chirpy login": Door("POST", "/api/login", {"email": "bob", "password": PASSWORD}),
    "chirpy update": Door("PUT", "/api/users", {"email": "bob2@example.com", "password": NEW_PASSWORD}, "chirpy"),
    "cookie login": Door("POST", "/api/v1/user/login", {"name": "bob", "password": PASSWORD}),
    "cookie password": Door(
        "PATCH", "/api/v1/user/updatePassword", {"current": PASSWORD, "password": NEW_PASSWORD, "confirm": NEW_PASSWORD}, "cookie"
    ),
    "mass update": Door("PUT", "/user", {"fname": "x", "lname": "y", "pass": NEW_PASSWORD}, "mass"),
    "mass sign-up": Door(
        "POST", "/auth", {"user": "eve", "pass": NEW_PASSWORD, "fname": "", "lname": "", "email": "eve@example.com"}, good=201
    ),
}
# as in JSONTestSuite: what a parser must refuse
BROKEN = [
    b"",
    b" ",
    b"[",
    b"{",
    b"]",
    b"}",
    b'{"a"',
    b'{"a":',
    b'{"a":1',
    b'{"a":1,}',
    b"{,}",
    b"{'a':1}",
    b"{a:1}",
    b'{"a" 1}',
    b'{"a":1}}',
    b'{"a":1} x',
    b'{"a":1}\x00',
    b'\x00{"a":1}',
    b'{"a":"\n"}',
    b'{"a":"\\x"}',
    b'{"a":"\\u12"}',
    b'{"a":"\\"}',
    b'{"a":tru}',
    b'{"a":True}',
    b'{"a":nul}',
    b'{"a":NaN}',
    b'{"a":Infinity}',
    b'{"a":-Infinity}',
    b'{"a":01}',
    b'{"a":-}',
    b'{"a":1.}',
    b'{"a":.1}',
    b'{"a":1e}',
    b'{"a":0x1}',
    b'{"a":+1}',
    b'{"a":1_0}',
    b'{"a":/**/1}',
    b'{"a":1}//',
    b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xc0\x80"}',
    b'{"\xe9":1}',
    b"\xef\xbb\xbf{}",
    b"\xef\xbb\xbf" + b'{"a":1}',
    b"\xff\xfe{\x00}\x00",
    b"null",
    b"true",
    b"1",
    b'"a"',
    b'""',
    b"[]",
    b"[{}]",
    b"1.5",
    b"{}{}",
    b"a=b",
    # what a parser may take, and this one refuses
    b'{"a":1,"a":1}',
    b'{"a":{"b":1,"b":2}}',
    b'{"a":[{"b":1,"b":2}]}',
    b'{"a":"\\ud800"}',
    b'{"\\udfff":1}',
    b'{"a":["\\udc00\\ud800"]}',
    b'{"a":1e400}',
    b'{"a":-1e400}',
    b'{"a":9223372036854775808}',
    b'{"a":1000000000000000000}',
    b'{"a":1e18}',
    b'{"a":' + b"9" * 5000 + b"}",
    b'{"a":[1e20]}',
    b"[" * 50_000,
    b'{"a":' + b"[" * 40 + b"]" * 40 + b"}",
    b'{"a":' * 33 + b"1" + b"}" * 33,
]
# valid JSON below a key that no contract names
FINE = [0, -0.0, 1e-400, 999999999999999999, "\0", "\U0001f600", "\u2028", None, [], {}, [[[]]], {"": ""}, "x" * 5000, [None] * 500]
EXTRA = {"role": "admin", "is_admin": True, "exists": False, "id": 1, "_id": "x", "password_hash": "x", "is_chirpy_red": True, "orgs": [1],
         "created_at": 1, "active": False, "id_user": 1, "uid": 1, "__proto__": {}, "version": 99, "deleted_at": 1, "object_id": "x"}


@pytest.fixture(params=DOORS)
def door(request) -> Door:
    return DOORS[request.param]


@pytest.fixture
def knock(script: Script, ada: Account, bob: Account, api_token: Callable[[Account], str]) -> Callable[..., Any]:
    """knock(door, body) with the door's credential."""
    known: dict[str, Any] = {}

    def knock(door: Door, body: Any, **options: Any) -> Any:
        if door.who not in known:
            known[door.who] = {"": lambda: {}, "basic": lambda: {"as_": "ada"}, "chirpy": lambda: {"bearer": script.chirpy("bob")["token"]},
                               "cookie": lambda: {"bearer": script.cookie("bob")}, "mass": lambda: {"bearer": api_token(ada)}}[door.who]()
        return script.call(door.method, door.path, body=body, **known[door.who], **options)
    return knock


def unchanged() -> list[dict[str, Any]]:
    return [{**each, **USUAL} for each in all_rows()]


def test_every_route_that_reads_a_body_is_tried():
    unread = {
        ("POST", "/api/v1/refresh"),
        ("POST", "/api/refresh"),
        ("POST", "/api/revoke"),
        ("POST", "/user"),
        ("POST", "/api/v1/user/logout"),
    }
    tried = {(door.method, door.path.replace("eve", "bob")) for door in DOORS.values()}
    assert {route for route in all_routes() if route[0] not in ("GET", "DELETE")} == tried | unread


def test_a_broken_body_is_a_400(door, knock):
    knock(door, b"{")      # so that the credential is there
    before = unchanged()
    for body in BROKEN:
        if not (door.optional and body == b""):
            assert knock(door, body).status_code == 400, body[:60]
    assert unchanged() == before


@pytest.mark.skipif(not SUITE, reason="WEBADMIN_TRY_JSON_SUITE names no folder test_parsing of github.com/nst/JSONTestSuite")
def test_the_published_json_suite(door, knock):
    """n_ must be refused; y_ and i_ may be; as the value of a key that no contract names every y_ is taken, but for those of STRICTER."""
    files = {path.stem: path.read_bytes() for path in Path(SUITE).glob("*.json")}
    assert len(files) > 300
    knock(door, b"{")
    for name, body in sorted(files.items(), key=lambda each: not each[0].startswith("n_")):      # a good one may make an account
        status = knock(door, body).status_code
        refused = name.startswith("n_") and not (door.optional and body == b"")
        assert status == (413 if len(body) > LONGEST_BODY else 400) if refused else status < 500, (name, status)
    if door.path == "/api/v1/login":
        good = json.dumps(door.body)[:-1].encode()
        taken = {name: knock(door, good + b', "x": ' + body + b"}").status_code == 200 for name, body in files.items() if name.startswith("y_")}
        assert {name for name, fine in taken.items() if not fine} == STRICTER


def test_a_body_is_utf_8(door, knock):
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-8-sig", "utf-7"):
        body = json.dumps({**door.body, "x": "ü+é"}, ensure_ascii=False).encode(encoding)
        if encoding != "utf-7":
            knock(door, body, status=400)
            knock(door, body, status=400, headers={"Content-Type": f"application/json; charset={encoding}"})


def test_a_field_of_another_type_is_a_400(door, knock):
    knock(door, b"{")
    before = unchanged()
    for wrong in (None, True, False, 0, 1, 1.5, -1, [], {}, ["x"], {"x": 1}, 999999999999999999):
        for name in door.body:
            if not (name == "user_role" and type(wrong) is int and wrong == 1):
                assert knock(door, {**door.body, name: wrong}).status_code == 400, (name, wrong)
    assert unchanged() == before


def test_a_named_key_twice_or_with_half_a_letter_is_a_400(door, knock):
    for name, value in door.body.items():
        text = json.dumps(door.body)[:-1]
        knock(door, f"{text}, {json.dumps(name)}: {json.dumps(value)}}}".encode(), status=400)
        if isinstance(value, str):
            knock(door, {**door.body, name: value + "\ud800"}, status=400)


def test_what_no_contract_names_is_ignored_and_never_written(door, knock):
    answer = knock(door, {**door.body, **EXTRA, "x": FINE}, status=door.good)
    found = named("eve") or named("eve@example.com") or named("bob")
    after = row(found)
    assert (after["role"], after["is_chirpy_red"], after["active"], after["deleted_at"]) == (1, False, True, None)
    assert (
        after["id"] > 1
        and len(after["object_id"]) == 24
        and after["version"] < 9
        and after["created_at"] > 1
        and after["password_hash"] != "x"
    )
    assert answer.status_code == door.good and Account.select().where(Account.role == 2).count() == 1


def test_64_kib_are_taken_and_one_byte_more_is_a_413(script: Script, ada, bob, door, knock):
    short = json.dumps({**door.body, "x": ""}).encode()
    fits = short[:-2] + b"x" * (65_536 - len(short)) + short[-2:]
    assert len(fits) == 65_536
    knock(door, fits + b" ", status=413)
    knock(door, fits, status=door.good)


def test_a_413_comes_before_any_credential(script: Script, ada, bob):
    for method, path in all_routes():
        if method != "GET":
            script.call(method, path, body=b" " * 65_537, status=413)
            script.call(method, path, bearer="x", body=b" " * 200_000, status=413)


def test_a_form_is_small_too(script: Script, ada, api_token):
    token = api_token(ada)
    for data in ({f"x{number}": "" for number in range(1500)}, {"fname": "x" * 70_000}):
        for kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
            script.call("POST", "/auth", data=data, content_type=kind, status=(400, 413))
            script.call("PUT", f"/user?token={token}", data=data, content_type=kind, status=(400, 413))
    for body in (
        b"--x",
        b"--x\r\n\r\n",
        b'--x\r\nContent-Disposition: form-data; name="user"\r\n\r\nx',
        b"\xff=\xff&user=%ff",
        b"user=%00",
        b"%",
    ):
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data", "application/x-www-form-urlencoded"):
            script.call("POST", "/auth", body=body, headers={"Content-Type": kind}, status=400)
            script.call("PUT", f"/user?token={token}", body=body, headers={"Content-Type": kind}, status=400)
    part = b'--x\r\nContent-Disposition: form-data; name="fname"\r\n\r\n\xff\r\n--x--\r\n'
    for words, body, kind in (("&fname=%ff", b"", "application/json"), ("&fname=%ed%a0%80", b"", "application/json"),
                              ("", b"fname=%ff", "application/x-www-form-urlencoded"), ("", part, "multipart/form-data; boundary=x")):
        script.call("PUT", f"/user?token={token}{words}", body=body, headers={"Content-Type": kind}, status=400)


ODD_IDS = ["0", "-1", "01", "%201", "1%20", "１", "1e3", "1.0", "+1", "0x1", "9223372036854775807", "9223372036854775808",
                                    "18446744073709551616", "9" * 5000, "%00", "%ff", "null", "1;x", "٣", "1%0A", "𝟏", "²"]


def test_an_odd_id_is_a_404(script: Script, admin, bob):
    own, before = script.v1("bob")["access_token"], unchanged()
    for number, credential in ((number, credential) for number in ODD_IDS for credential in (admin["bearer"], own)):
        assert script.call("GET", f"/api/v1/users/{number}", bearer=credential, status=404).json == {"msg": "There is no such user."}
    assert unchanged() == before


def test_the_words_of_an_address_hold_no_column(script: Script, ada, bob, api_token):
    token = api_token(ada)
    whole = script.call("GET", f"/user?token={token}").json
    for words in (
        "sort=password",
        "password__startswith=a",
        "filter=1",
        "q=bob",
        "order=desc",
        "limit=1",
        "fields=password_hash",
        "page=0;drop",
        "",
    ):
        answer = script.call("GET", f"/user?{words}&token={token}")
        assert answer.status_code == 400 if words.startswith("page") else answer.json == whole


@pytest.mark.parametrize("path", ["/api/v2/users", "/api/v1/users", "/api/v1/user", "/api/users", "/user", "/auth", "/api/v1/logout"])
def test_no_other_way_to_write_a_path_or_method(script: Script, ada, bob, path):
    before = unchanged()
    plain = script.call("GET", path)
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert script.call("GET", f"{path}?_method=DELETE", headers={header: "DELETE"}).status_code == plain.status_code
    assert script.call("HEAD", path).status_code == plain.status_code
    for odd in (path.upper(), path + ";x", path + "%00", path + "/.", path.replace("/", "//", 1), path + "%20", path + "."):
        assert script.client.get(odd, base_url="http://localhost").status_code in (404, 308, 401, 503, 302, 303), odd
    for method in ("TRACE", "PROPFIND", "CONNECT", "X", "PUT", "PATCH", "DELETE"):
        answer = script.client.open(path, method=method)
        assert answer.status_code in (405, 401, 422), f"{method} {path} {answer.status}"
    assert unchanged() == before


def test_405_names_exactly_the_files_methods(script: Script, ada):
    for _, path in all_routes():
        mine = {each for each, other in all_routes() if other == path}
        allowed = mine | {"OPTIONS"} | ({"HEAD"} if "GET" in mine else set())
        assert set(script.call("OPTIONS", path, status=200).headers["Allow"].split(", ")) == allowed
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - mine:
            answer = script.call(method, path, status=405)
            assert set(answer.headers["Allow"].split(", ")) == allowed and answer.content_type.startswith("application/json"), (
                method,
                path,
            )


def test_unknown_paths_are_answered_by_who_owns_them(script: Script, ada):
    shapes = {"users_v2_basic": {"not_found"}, "users_v1_jwt": {"msg"}, "chirpy_users": {"error"}, "user_v1_cookie": {"status", "message"}}
    for path in (
        "/api/v2/x",
        "/api/v2/",
        "/api/v1/x",
        "/api/v1/",
        "/api/v1/users/",
        "/api/v1/users/1/",
        "/api/v1/userx",
        "/api/x",
        "/api/",
        "/api/users/",
        "/api/v1/user/x",
        "/api/v1/user/login/",
        "/api/v3/users",
    ):
        assert set(script.call("GET", path, status=404).json) == shapes[owner(path)], path
    for path in ("/user/", "/auth/", "/users", "/api"):
        answer = script.client.get(path)
        assert answer.status_code in (404, 302, 303) and not answer.is_json, path


NAUGHTY = [
    "undefined",
    "null",
    "NULL",
    "true",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    '"',
    "`",
    "\\",
    "%s%n",
    "{{7*7}}",
    "${7*7}",
    "../../etc",
    "\u0301a",
    "Ω≈ç√∫",
    "田中さん",
    "👩‍👩‍👧‍👦",
    "הָיְתָה",
    "ﷺ",
    "1;DROP TABLE account",
    "a\tb",
    "a\rb",
    "\ufeff",
    "\u200b",
    "\u202e",
    "\ue000",
    "\u0378",
    "a\u00a0b",
    "ﬁ",
    "İ",
    "ß",
    "x" * 255,
    "x" * 256,
    " ",
    "",
    "\x7f",
    "\x85",
    "\u2028",
    "𝕿𝖍𝖊",
    "e\u0301",
    "Z̮̞̠͙͔ͅ",
    "\U000e0001",
]


def test_naughty_strings_are_stored_as_they_are_or_refused(script: Script, ada):
    for number, text in enumerate(NAUGHTY):
        body = {"user": f"eve{number}", "pass": NEW_PASSWORD, "fname": text, "lname": "", "email": f"eve{number}@example.com"}
        if script.call("POST", "/auth", body=body, status=(201, 400)).status_code == 201:
            assert named(f"eve{number}").first_name == names.seen(text, "fname")
        script.call("POST", "/api/login", body={"email": text, "password": text}, status=(401, 429))
    for text in NAUGHTY:
        script.call("POST", "/api/v1/register", body={"login": text, "password": NEW_PASSWORD}, status=(201, 400, 409))


def test_a_password_may_hold_anything_that_utf_8_carries(script: Script, ada):
    for number, password in enumerate(
        ["a\0b and more", "\x1b[0m\r\n\t tabs", "👩‍👩‍👧‍👦" * 4, "ü" * 100, "e\u0301" * 8, " " * 9 + "x", "a:b:c:d:e"]
    ):
        script.call("POST", "/api/v1/register", body={"login": f"eve{number}", "password": password}, status=201)
        script.v1(f"eve{number}", password)
        script.call("GET", f"/api/v2/users/eve{number}", as_=f"eve{number}", password=password, status=200)
    script.v1("eve4", "é" * 8)      # NFC


@pytest.mark.parametrize("host", ["", "a b", "evil.example/x", "x" * 300 + "/", "localhost:99999999", "a,b", "[::1", "localhost\t"])
def test_a_malformed_host_is_a_400_in_the_contracts_shape(script: Script, ada, host):
    for path in ("/api/v2/users", "/api/v1/users", "/api/users", "/api/v1/user", "/user"):
        script.call("GET", path, headers={"Host": host}, status=400)
