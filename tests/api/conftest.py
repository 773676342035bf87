"""A script for tests: speaks any contract, and holds every answer that it gets against the contract's OpenAPI file."""
from __future__ import annotations

import base64
import functools
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import webadmin
from tests.conftest import PASSWORD
from tests.ports import free_port
from webadmin.accounts import keys, tokens, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account

ROOT = Path(webadmin.__file__).parent.parent
try:
    import jsonschema_rs
except ModuleNotFoundError:      # requirements-dev.txt has it: without it answers are not held against the files
    jsonschema_rs = None  # type: ignore[assignment]

FOLDER = ROOT / "webadmin" / "api"
CONTRACTS = ("users_v2_basic", "users_v1_jwt", "chirpy_users", "user_v1_cookie", "user_mass")
ENGINES = ("sqlite", "postgresql", "mariadb")
METHODS = ("get", "post", "put", "patch", "delete")
HASH = re.compile(r"\$2[aby]\$|pbkdf2:|scrypt:|argon2")
NEW_PASSWORD = "seven grey geese over the barn"

every_engine = pytest.mark.parametrize("engine", ENGINES)


class Script:
    """A client without a cookie jar. `as_` names the account for Basic; `bearer`, `cookie` are tokens; `body` is JSON or raw bytes."""

    def __init__(self, app: Flask, source: str = "127.0.0.1"):
        self.app, self.client = app, app.test_client(use_cookies=False)
        self.client.environ_base["REMOTE_ADDR"] = source

    def call(self, method: str, path: str, *, status: int | tuple[int, ...] = (), as_: str = "", password: str = PASSWORD,
             bearer: str | None = None, cookie: str | None = None, body: Any = ..., **options: Any) -> Any:
        headers = dict(options.pop("headers", {}))
        if as_:
            headers["Authorization"] = basic(as_, password)
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        if cookie is not None:
            headers["Cookie"] = f"jwt={cookie}"
        if body is not ...:
            options["data"] = body if isinstance(body, bytes) else json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        answer = self.client.open(path, method=method, headers=headers, **options)
        check(answer, method, path)
        wanted = status if isinstance(status, tuple) else (status,)
        assert not wanted or answer.status_code in wanted, f"{method} {path}: {answer.status} {answer.text[:400]}"
        return answer

    def v1(self, name: str, password: str = PASSWORD) -> dict[str, str]:
        """Access and refresh token."""
        return self._json("/api/v1/login", {"login": name, "password": password})

    def chirpy(self, name: str, password: str = PASSWORD) -> dict[str, Any]:
        return self._json("/api/login", {"email": name, "password": password})

    def cookie(self, name: str, password: str = PASSWORD) -> str:
        return str(self._json("/api/v1/user/login", {"name": name, "password": password})["token"])

    def _json(self, path: str, body: dict[str, str]) -> Any:
        return self.call("POST", path, body=body, status=200).json


@pytest.fixture
def engine() -> str:
    """SQLite, but for the tests of `every_engine`; WEBADMIN_TRY_ENGINE runs all others on another one."""
    return os.environ.get("WEBADMIN_TRY_ENGINE", "sqlite")


@pytest.fixture
def script(app: Flask, store: object) -> Script:
    return Script(app)


@pytest.fixture
def api_token() -> Callable[[Account], str]:
    """api_token(ada) gives her a new API token, as her own page would."""
    def give(account: Account) -> str:
        token = tokens.opaque()
        Account.update(token_hash="x", token_digest=keys.digest("api token", token)).where(Account.id == account.id).execute()
        return token
    return give


@pytest.fixture
def mass_token() -> Callable[[Account], str]:
    def give(account: Account) -> str:
        current = Account.get_by_id(account.id)
        return tokens.issue(current, tokens.start(current, tokens.MASS, by=COMMAND_LINE))
    return give


@pytest.fixture
def admin(script: Script, ada: Account) -> dict[str, Any]:
    """ada is here: her access token of v1."""
    return {"bearer": script.v1("ada")["access_token"]}


def basic(name: str, password: str = PASSWORD) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def claims(token: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==")))


def header(token: str) -> dict[str, Any]:
    return dict(json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "==")))


def named(name: str) -> Any:
    return users.named(name)


def row(account: Account) -> dict[str, Any]:
    """Every column of the account as it stands."""
    return dict(Account.select().where(Account.id == account.id).dicts().get())


def all_rows() -> list[dict[str, Any]]:
    return list(Account.select().order_by(Account.id).dicts())


# ------------------------------------------------------------------------------------------------------------------------------
def owner(path: str) -> str:
    """The contract that owns a path (contracts: "Who owns a failure")."""
    path = path.partition("?")[0]
    if path == "/api/v1/user" or path.startswith("/api/v1/user/"):
        return "user_v1_cookie"
    for prefix, contract in (("/api/v1/", "users_v1_jwt"), ("/api/v2/", "users_v2_basic"), ("/api/", "chirpy_users")):
        if path.startswith(prefix):
            return contract
    assert path in ("/user", "/auth"), path
    return "user_mass"


@functools.cache
def document(contract: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{contract}.openapi.json").read_text()))


def routes(contract: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(METHOD, path template, operation) of the file."""
    for template, item in document(contract)["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), template, item[method]


def all_routes() -> list[tuple[str, str]]:
    """(METHOD, path with its placeholders filled) of all five files."""
    return [(method, template.format(username="bob", id_user="2")) for contract in CONTRACTS for method, template, _ in routes(contract)]


def check(answer: TestResponse, method: str, path: str) -> None:
    """What holds for every answer of every contract."""
    contract, status, headers = owner(path), answer.status_code, answer.headers
    where = f"{method} {path} {status}"
    assert status < 500 or status == 503 or headers.get("X-Test-500"), f"{where}: {answer.text[:300]}"
    assert headers["Cache-Control"] == "no-store", where
    assert headers["X-Content-Type-Options"] == "nosniff" and "X-Request-Id" in headers, where
    assert not [name for name, _ in headers if name.lower().startswith("access-control")], where
    assert {"Origin", "Sec-Fetch-Site"} <= set(answer.vary), where
    if method == "OPTIONS" and status == 200 or method == "TRACE":
        return
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox", where
    for line in headers.getlist("Set-Cookie"):
        _check_cookie(line, where)
        assert contract == "user_v1_cookie", where
    if status == 204:
        assert not answer.data and "Content-Type" not in headers, where
        return
    assert headers["Content-Type"] == "application/json; charset=utf-8", f"{where}: {headers['Content-Type']}"
    if status == 401:
        scheme = "Basic" if contract == "users_v2_basic" and "Bearer" not in headers["WWW-Authenticate"] else "Bearer"
        assert headers["WWW-Authenticate"] in (f'{scheme} realm="webadmin"', 'Bearer realm="webadmin", error="invalid_token"'), where
    if status in (429, 503):
        assert int(headers["Retry-After"]) >= 1, where
    if status == 405:
        assert "Allow" in headers, where
    if method == "HEAD":
        return
    body = json.loads(answer.data)
    if contract != "users_v2_basic":
        assert not HASH.search(answer.text), where
    errors = list(_errors(contract, method, path, status, body))
    assert not errors, f"{where}: {errors} in {answer.text[:400]}"


def _check_cookie(line: str, where: str) -> None:
    parts = [part.strip() for part in line.split(";")]
    assert parts[0].startswith("jwt="), where
    assert {"HttpOnly", "SameSite=Strict", "Path=/api/v1/user"} <= set(parts) and "Secure" not in parts, f"{where}: {line}"
    assert len(line) < 4096 and not [part for part in parts if part.lower().startswith("domain")], where
    assert "Max-Age=86400" in parts or (parts[0] == "jwt=" and "Max-Age=0" in parts), f"{where}: {line}"


def _errors(contract: str, method: str, path: str, status: int, body: Any) -> Iterator[str]:
    if jsonschema_rs is None:
        return
    validator = _validator(contract, method.lower(), path.partition("?")[0], status)
    if validator is None:
        yield f"status {status} is not in the file"
        return
    yield from (error.message for error in validator.iter_errors(body))


@functools.lru_cache(1000)
def _validator(contract: str, method: str, path: str, status: int) -> Any:
    schema = _schema(contract, method, path, status)
    return schema and jsonschema_rs.Draft202012Validator({**schema, "components": document(contract)["components"]})


def _schema(contract: str, method: str, path: str, status: int) -> dict[str, Any] | None:
    found = document(contract)
    usual = {404: "NotFound", 405: "MethodNotAllowed", 503: "Unavailable", 400: "BadRequest", 403: "Forbidden", 413: "TooLarge"}
    response = None
    for template, item in sorted(found["paths"].items(), key=lambda each: "{" in each[0]):
        if method in item and re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", template), path):
            response = item[method]["responses"].get(str(status))
            break
    else:
        if (name := usual.get(status)) in found["components"]["responses"]:
            response = found["components"]["responses"][name]
    if response is None and status == 405:
        response = found["components"]["responses"]["MethodNotAllowed"]
    while response is not None and "$ref" in response:
        response = found["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return None if response is None else response["content"]["application/json"]["schema"]


class Served:
    """A server started by run.py with a store of its own, and its administrator ada."""

    def __init__(self, folder: Path, **environment: str):
        self.port = free_port()
        self.address, self.log = f"http://127.0.0.1:{self.port}", folder / "log"
        given = {
            "WEBADMIN_DATA": str(folder / "data"),
            "WEBADMIN_PORT": str(self.port),
            "WEBADMIN_TESTING": "1",
            "WEBADMIN_BCRYPT_COST": "4",
            "WEBADMIN_WORKERS": "1",
            "WEBADMIN_ADMIN_USERNAME": "ada",
            "WEBADMIN_ADMIN_PASSWORD": PASSWORD,
            **environment,
        }
        known = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "run.py")], env=known | given, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None and "ready" in self.process.stdout.readline(), self.log.read_text()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of the answer."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.address + path, data, headers, method=method), timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    server = Served(tmp_path)
    yield server
    server.stop()
