"""Forged, stolen, old and misplaced tokens open nothing (docs/security.md, TK)."""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.api.conftest import NEW_PASSWORD, Script, claims, every_engine, header
from tests.conftest import BROWSER, PASSWORD, again
from tests.visitor import Visitor
from webadmin.accounts import keys, sessions, tokens, users
from webadmin.accounts.models import Account, Login

# each JWT contract: a GET or harmless call that its access token opens, and what a bad token gets there
DOORS: dict[str, tuple[str, str, Any]] = {
    "v1": ("GET", "/api/v1/users", ...),
    "chirpy": ("PUT", "/api/users", {"email": "ada@example.com"}),
    "cookie": ("GET", "/api/v1/user/", ...),
    "mass": ("GET", "/user", ...),
    "v1 refresh": ("POST", "/api/v1/refresh", ...),
    "v1 logout": ("DELETE", "/api/v1/logout", ...),
    "v1 logout2": ("DELETE", "/api/v1/logout2", ...),
    "v1 register": ("POST", "/api/v1/register", {"login": "eve", "password": NEW_PASSWORD}),
    "chirpy refresh": ("POST", "/api/refresh", ...),
    "chirpy revoke": ("POST", "/api/revoke", ...),
    "v2": ("GET", "/api/v2/users", ...),
    "mass update": ("PUT", "/user", {"fname": "x"}),
    "cookie logout": ("GET", "/api/v1/user/logout", ...),
}
GOOD = {200, 201, 204}
KIDS: list[Any] = ["../../../../dev/null", "/dev/null", "' UNION SELECT 'k", "jwt", "", "x" * 1000, None, 5, [], {}, ..., "\0", "\ud800"]
# which token opens what, and what it gets elsewhere: 422 at v1 where the token is ours, 401 everywhere else
OPENS = {
    "v1 access": {"v1", "v1 register", "v1 logout", "v1 logout2", "mass", "mass update"},
    "v1 refresh": {"v1 refresh", "v1 logout2"},
    "chirpy access": {"chirpy", "mass", "mass update"},
    "chirpy opaque": {"chirpy refresh", "chirpy revoke"},
    "cookie": {"cookie", "cookie logout", "mass", "mass update"},
    "mass": {"mass", "mass update"},
    "api": {"v2", "mass", "mass update"},
    "browser session": set(),
}


@pytest.fixture
def make(script: Script, ada: Account, api_token: Callable[[Account], str], mass_token: Callable[[Account], str]) -> Callable[[str], str]:
    """make("v1 access") gives a fresh token of ada's."""
    makers: dict[str, Callable[[], Any]] = {
        "v1 access": lambda: script.v1("ada")["access_token"], "v1 refresh": lambda: script.v1("ada")["refresh_token"],
        "chirpy access": lambda: script.chirpy("ada")["token"], "chirpy opaque": lambda: script.chirpy("ada")["refresh_token"],
        "cookie": lambda: script.cookie("ada"), "mass": lambda: mass_token(ada), "api": lambda: api_token(ada),
        "browser session": lambda: sessions.start(again(ada), by=BROWSER, user_agent="")}
    return lambda kind: str(makers[kind]())


def knock(script: Script, door: str, token: str | None, **options: Any) -> Any:
    method, path, body = DOORS[door]
    return script.call(method, path, bearer=token, body=body, **options)


@pytest.mark.parametrize("kind", OPENS)
def test_a_token_opens_what_the_table_says_and_nothing_else(script: Script, make, kind):
    for door in DOORS:
        answer = knock(script, door, make(kind))
        assert (answer.status_code in GOOD) == (door in OPENS[kind]), f"{kind} at {door}: {answer.status}"
        if answer.status_code not in GOOD:
            signed = kind in ("v1 access", "v1 refresh", "chirpy access", "cookie", "mass")
            assert answer.status_code == (422 if door.startswith("v1") else 401), f"{kind} at {door}: {answer.status} {signed}"


def sign(payload: dict[str, Any], key: bytes | None = None, **extra: Any) -> str:
    """A JWT with any header, signed with our own key unless another is given."""
    kid, own = keys.jwt_signing()
    parts = [{"typ": "JWT", "alg": "HS512", "kid": kid, **extra}, payload]
    text = ".".join(encode(json.dumps({name: value for name, value in part.items() if value is not ...}).encode()) for part in parts)
    method = {"HS256": "sha256", "HS384": "sha384"}.get(extra.get("alg", ""), "sha512")
    return f"{text}.{encode(hmac.digest(own if key is None else key, text.encode(), method))}"


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
def good(script: Script, ada: Account) -> dict[str, str]:
    """An access token in force for each JWT contract."""
    return {"v1": script.v1("ada")["access_token"], "chirpy": script.chirpy("ada")["token"], "cookie": script.cookie("ada")}


def refused(script: Script, contract: str, token: str, v1_status: int | tuple[int, ...] = (401, 422)) -> None:
    knock(script, contract, token, status=v1_status if contract == "v1" else 401)
    knock(script, "mass", token, status=401)


def test_our_own_signature_is_what_the_forgeries_lack(script: Script, good):
    for contract, token in good.items():
        knock(script, contract, sign(claims(token)), status=200)


def test_no_algorithm_but_ours(script: Script, good):
    for contract, token in good.items():
        found = claims(token)
        for alg in ("none", "None", "NONE", "nOnE", "HS256", "HS384", "RS256", "ES256", "EdDSA", "", "hs512", 512, None, ...):
            for key in (None, b"", b"\0" * 64, b"secret"):
                refused(script, contract, sign(found, key, alg=alg), 401)
            refused(script, contract, sign(found, alg=alg).rpartition(".")[0] + ".", 401)
        refused(script, contract, token.rpartition(".")[0] + ".", 401)
        refused(script, contract, sign(found, b"x"), 401)


def test_no_header_chooses_a_key(script: Script, good):
    own = base64.urlsafe_b64encode(b"k" * 64).decode()
    headers: list[dict[str, Any]] = [{"kid": kid} for kid in KIDS] + [
        {"jku": "https://evil.example/keys"}, {"x5u": "https://evil.example/x"}, {"jwk": {"kty": "oct", "k": own}}, {"x5c": ["x"]},
        {"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": False}, {"zip": "DEF"}]
    for contract, token in good.items():
        for extra in headers:
            for key in (b"k" * 64, b"", b"\0"):
                refused(script, contract, sign(claims(token), key, **extra), (401, 422) if "b64" in extra else 401)  # not a JWT any more
        for extra in headers[:len(KIDS)]:      # even with our own signature, an unknown kid names no key
            refused(script, contract, sign(claims(token), **extra), 401)
        refused(script, contract, sign(claims(token), crit=["exp"]))


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "jti", "sub", "iss", "aud", "type", "sid"])
def test_each_claim_is_needed_and_of_its_form(script: Script, good, name):
    for contract, token in good.items():
        found = claims(token)
        refused(script, contract, sign({key: value for key, value in found.items() if key != name}))
        value = found[name]
        odd: list[Any] = [
            None,
            True,
            [],
            {},
            [value],
            "",
            1.5,
            float(value) if isinstance(value, int) else 7,
            str(value) if isinstance(value, int) else value + "x",
            10**18,
            10**30,
            -1,
            1 << 63,
            float("nan"),
            float("inf"),
            "\0",
            "\ud800",
            "webadmin" if name != "iss" else "v2",
        ]
        for other in odd:
            if name == "jti" and isinstance(other, str) and other.isascii() or name in ("iat", "nbf") and other == -1:  # any name of its own, any time before
                continue
            refused(script, contract, sign({**found, name: other}))


def test_claims_decide_nothing_beyond_the_login_row(script: Script, ada, bob):
    own = claims(script.v1("bob")["access_token"])
    for change in ({"sub": str(ada.id)}, {"sid": claims(script.v1("ada")["access_token"])["sid"]}, {"aud": "mass"}, {"aud": "chirpy"}):
        refused(script, "v1", sign({**own, **change}), (401, 422))
    raised = sign({**own, "user_role": 2, "id_user": ada.id, "login": "ada"})
    assert [each["login"] for each in knock(script, "v1", raised, status=200).json["Users"]] == ["bob"]
    knock(script, "mass", raised, status=401)


JUNK = [
    "x",
    ".",
    "..",
    "...",
    "a.b",
    "a.b.c",
    "a.b.c.d",
    "a.b.c.d.e",
    "x" * 5000,
    "." * 5000,
    "é.é.é",
    "a.b.c\0",
    "\x01",
    "=.=.=",
    "{}.{}.{}",
    "bnVsbA.bnVsbA.bnVsbA",
    "W10.W10.W10",
    "e30.e30.e30",
    "e30.e30.",
    "/w./w./w",
    "eyJ" * 1000 + ".a.b",
    encode(b"[" * 5000) + ".e30.e30",
    encode(b'{"alg":"HS512","kid":' + b"[" * 2000) + ".e30.e30",
    encode(b'{"alg":"HS512","alg":"none"}') + ".e30.e30",
]


def quickest(script: Script, door: str, token: str) -> float:
    """Seconds of a processor until this token is refused; the least of ten, for a machine may be busy."""
    seconds, (method, path, _) = [], DOORS[door]
    knock(script, door, token, status=(401, 422) if door.startswith("v1") else 401)
    for _ in range(10):
        started = time.thread_time()
        script.client.open(path, method=method, headers={"Authorization": f"Bearer {token}"})
        seconds.append(time.thread_time() - started)
        if seconds[-1] < 0.05:
            break
    return min(seconds)


def test_junk_is_refused_at_once(script: Script, ada):
    for token in [*JUNK, "a." * 500_000, "A" * 1_000_000, "e30." + "A" * 1_000_000 + ".e30"]:
        for door in DOORS:
            if door == "cookie logout":
                continue
            assert quickest(script, door, token) < 0.05, (token[:30], door)
        script.call("GET", "/api/v1/user/", cookie=token.replace("\0", "").replace("é", "e"), status=401)


def test_a_token_that_is_signed_out_stays_so_however_it_is_written(script: Script, good):
    token = good["v1"]
    knock(script, "v1 logout", token, status=200)
    head, body, signature = token.split(".")
    for padded in (token, f"{head}=.{body}=.{signature}==", f"{head}.{body}==.{signature}", sign(claims(token)), f" {token} "):
        refused(script, "v1", padded)


def test_lifetimes_are_the_contracts_and_never_slide(script: Script, ada, mass_token, clock):
    token = {"mass": mass_token(ada), "v1": script.v1("ada"), "chirpy": script.chirpy("ada"), "cookie": script.cookie("ada")}
    due = {"v1": token["v1"]["access_token"], "chirpy": token["chirpy"]["token"], "cookie": token["cookie"], "mass": token["mass"]}

    def alive() -> set[str]:
        return {door for door, each in due.items() if knock(script, door, each).status_code == 200}
    clock(minutes=29, seconds=50)
    assert alive() == {"v1", "chirpy", "cookie", "mass"}
    clock(seconds=21)
    assert alive() == {"chirpy", "cookie", "mass"}
    assert knock(script, "v1", due["v1"]).json == {"msg": "Token has expired"}
    clock(minutes=29, seconds=35)
    assert alive() == {"chirpy", "cookie", "mass"}
    clock(seconds=30)
    assert alive() == {"cookie"}
    clock(hours=22, minutes=59, seconds=30)
    assert alive() == {"cookie"}
    clock(seconds=50)
    assert alive() == set()
    clock(days=28, hours=23)
    fresh = knock(script, "v1 refresh", token["v1"]["refresh_token"], status=200).json["access_token"]
    knock(script, "v1", fresh, status=200)
    clock(hours=1, minutes=1)
    knock(script, "v1 refresh", token["v1"]["refresh_token"], status=401)
    knock(script, "v1", fresh, status=401)       # an access token lives no longer than its login
    clock(days=29)
    fresh = knock(script, "chirpy refresh", token["chirpy"]["refresh_token"], status=200).json["token"]
    knock(script, "chirpy", fresh, status=200)
    clock(days=1)
    knock(script, "chirpy refresh", token["chirpy"]["refresh_token"], status=401)


def test_a_token_from_the_future_waits_for_its_time(script: Script, good, clock):
    clock(minutes=-10)
    for contract, token in good.items():
        refused(script, contract, token, 401)


def everything_of(script: Script, app: Any, name: str, api_token: Callable[[Account], str]) -> dict[str, Callable[[], bool]]:
    """Each way in that this account has, as a question: does it still open?"""
    account = users.named(name)
    assert account is not None
    v1, chirpy, cookie, api = script.v1(name), script.chirpy(name), script.cookie(name), api_token(account)
    browser = Visitor(app).sign_in(name)

    def opens(method: str, path: str, **options: Any) -> Callable[[], bool]:
        return lambda: script.call(method, path, **options).status_code not in (401, 422)
    return {
        "v1 access": opens("GET", "/api/v1/users", bearer=v1["access_token"]),
        "v1 refresh": opens("POST", "/api/v1/refresh", bearer=v1["refresh_token"]),
        "chirpy": opens("PUT", "/api/users", bearer=chirpy["token"], body={"email": f"{name}@example.com"}),
        "chirpy refresh": opens("POST", "/api/refresh", bearer=chirpy["refresh_token"]),
        "cookie": opens("GET", "/api/v1/user", cookie=cookie),
        "cookie as Bearer": opens("GET", "/api/v1/user", bearer=cookie),
        "api token": opens("GET", f"/api/v2/users/{name}", bearer=api),
        "basic": opens("GET", f"/api/v2/users/{name}", as_=name),
        "mass": opens("GET", f"/user?token={api}"),
        "mass by v1": opens("GET", f"/user?token={v1['access_token']}"),
        "browser": browser.signed_in,
    }


ENDS = {
    "change the password": (lambda account, by: users.change_password(account, NEW_PASSWORD, by=by), {"api token", "mass"}),
    "disable": (lambda account, by: users.disable(account, by=by), set()),
    "delete": (lambda account, by: users.delete(account, by=by), set()),
    "demote": (lambda account, by: users.update(account, {"role": 1}, by=by), {"api token", "basic"}),
    "end all": (lambda account, by: users.end_sessions(account, by=by), {"api token", "mass", "basic"}),
}


@every_engine
@pytest.mark.parametrize("what", ENDS)
def test_what_ends_an_account_ends_it_at_the_next_request_everywhere(script: Script, app, person, ada, api_token, engine, what):
    eve = person("eve", email="eve@example.com", role=2)
    ways = everything_of(script, app, "eve", api_token)
    assert [name for name, opens in ways.items() if not opens()] == []
    act, left = ENDS[what]
    act(again(eve), BROWSER.as_account(again(ada)))
    assert {name for name, opens in ways.items() if opens()} == left
    assert not Login.select().where(Login.account_id == eve.id).exists()


@pytest.mark.parametrize("undo", ["restore", "enable"])
def test_what_was_ended_stays_ended_after_a_restore(script: Script, app, person, ada, by_ada, api_token, undo):
    eve = person("eve", email="eve@example.com", role=2)
    ways = everything_of(script, app, "eve", api_token)
    users.delete(eve, by=by_ada) if undo == "restore" else users.disable(eve, by=by_ada)
    getattr(users, undo)(again(eve), by=by_ada)
    own = {"basic"} if undo == "restore" else {"api token", "mass", "basic"}      # credentials of their own, not of a login
    assert {name for name, opens in ways.items() if opens()} == own


def test_a_demoted_administrator_may_no_more_what_the_token_says(script: Script, ada, person, by_ada):
    eve = person("eve", role=2)
    token = script.cookie("eve")
    users.update(eve, {"role": 1}, by=by_ada)
    knock(script, "cookie", token, status=401)
    knock(script, "cookie", script.cookie("eve"), status=403)


def test_keys_are_rotated_by_renaming_the_file(script: Script, settings, good, tmp_path):
    before = keys.jwt_signing()[0]
    try:
        (settings.keys / "jwt").rename(settings.keys / "jwt.2026")
        keys.load(settings.keys)
        assert keys.jwt_signing()[0] != before
        for contract, token in good.items():
            knock(script, contract, token, status=200)
        fresh = script.v1("ada")["access_token"]
        assert header(fresh)["kid"] == keys.jwt_signing()[0] and header(good["v1"])["kid"] == before
        knock(script, "v1", fresh, status=200)
        (settings.keys / "jwt.2026").unlink()
        keys.load(settings.keys)
        refused(script, "v1", good["v1"], 401)
    finally:
        (settings.keys / "jwt.2026").unlink(missing_ok=True)
        (settings.keys / "jwt").unlink()


@pytest.fixture(autouse=True)
def keys_again(template):
    """Rotation is over with its test."""
    yield
    keys.load(template / "keys")


def test_the_store_holds_no_token(script: Script, make, ada):
    given = {kind: make(kind) for kind in OPENS}
    script.call("POST", "/api/v1/login", body={"login": "ada", "password": PASSWORD}, status=200)
    text = json.dumps([list(table.select().dicts()) for table in (Account, Login)], default=str)
    assert [kind for kind, token in given.items() if token in text or hashlib.sha256(token.encode()).hexdigest() in text] == []
    assert len(given["api"]) == len(given["chirpy opaque"]) == 43


def test_other_libraries_read_our_tokens(script: Script, good):
    _, key = keys.jwt_signing()
    for contract, token in good.items():
        assert jwt.decode(token, key, algorithms=["HS512"], audience=contract)["sub"]
    assert tokens.ALGORITHM == "HS512"
