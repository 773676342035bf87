"""Each documented request, sent by curl to the started server, its placeholders filled (and the cookie document's stray comma removed)."""
from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import NEW_PASSWORD, Served, basic
from tests.conftest import PASSWORD

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
Curl = Callable[..., tuple[int, Any]]
CHANGE = '{ \n    "current": "%s", \n    "password": "%s" ,\n    "confirm": "%s"\n}'


@pytest.fixture
def curl(served: Served) -> Curl:
    """curl(method, path, *options, data=...) -> status and JSON (None where the answer is empty)."""
    def send(method: str, path: str, *options: str, data: str | None = None) -> tuple[int, Any]:
        given = [] if data is None else ["--data-raw", data]
        done = subprocess.run(["curl", "-sS", "-X", method, *options, *given, "-w", "\n%{http_code}", served.address + path],
                              capture_output=True, text=True, timeout=30, check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), json.loads(body) if body else None
    return send


def bearer(token: str) -> tuple[str, str]:
    return "-H", f"Authorization: Bearer {token}"


def test_users_v2_basic(curl: Curl):
    usual = ("-H", "Content-Type: application/json", "-H", "cache-control: no-cache", "-u", f"ada:{PASSWORD}")
    secrets = f'{{\n\t"password": "{NEW_PASSWORD}",\n\t"token": "<your_new_token>"\n}}'
    status, made = curl("POST", "/api/v2/users/test123", *usual, data=secrets)
    assert status == 200 and list(made) == ["user_name", "password", "token"]
    assert curl("POST", "/api/v2/users/test123", *usual, data=secrets) == (403, {"user_exists": True})
    status, changed = curl("PUT", "/api/v2/users/test123/update", *usual, data=secrets)
    assert status == 200 and list(changed) == ["_id", "user_name", "password", "token"]
    status, fresh = curl("POST", "/api/v2/users/test123/refresh", *usual, data="{}")
    assert status == 200 and re.fullmatch("[A-Za-z0-9_-]{43}", fresh["token"])
    assert curl("GET", "/api/v2/users", *usual) == (200, {"users": ["ada", "test123"]})
    status, shown = curl("GET", "/api/v2/users/test123", *usual)
    assert status == 200 and shown["password"] == changed["password"] and shown["token"] != changed["token"]
    assert curl("GET", "/api/v2/users/test123", *bearer(fresh["token"])) == (200, shown)
    assert curl("DELETE", "/api/v2/users/test123", *usual) == (200, {})
    assert curl("DELETE", "/api/v2/users/test123", *usual) == (403, {"user_exists": False})


def test_users_v1_jwt(curl: Curl):
    jose = '{\n    "user_name": "Jose",\n    "login": "thecaasantos",\n    "password": "slc89slo",\n    "user_role": 1\n}'
    status, made = curl("POST", "/api/v1/register", data=jose)      # curl calls it a form; the document says "Type: RAW"
    shown = {"id_user": 2, "user_name": "Jose", "login": "thecaasantos", "user_role": 1}
    assert (status, made) == (201, {"User": shown})
    status, pair = curl("POST", "/api/v1/login", data='{\n    "login": "thecaasantos",\n    "password": "slc89slo"\n}')
    assert status == 200
    status, fresh = curl("POST", "/api/v1/refresh", *bearer(pair["refresh_token"]))
    assert status == 200 and list(fresh) == ["access_token"]
    assert curl("GET", "/api/v1/users", *bearer(pair["access_token"])) == (200, {"Users": [shown]})
    assert curl("GET", "/api/v1/users/2", *bearer(pair["access_token"])) == (200, {"User": shown})
    assert curl("DELETE", "/api/v1/logout", *bearer(pair["access_token"]))[0] == 200
    assert curl("GET", "/api/v1/users", *bearer(pair["access_token"]))[0] == 401
    assert curl("DELETE", "/api/v1/logout2", *bearer(fresh["access_token"]))[0] == 200
    assert curl("POST", "/api/v1/refresh", *bearer(pair["refresh_token"]))[0] == 401


def test_chirpy_users(curl: Curl):
    eve = json.dumps({"email": "eve@example.com", "password": NEW_PASSWORD})
    assert curl("POST", "/api/users", data=eve)[0] == 201
    status, pair = curl("POST", "/api/login", data=eve)
    assert status == 200 and list(pair) == ["email", "id", "token", "refresh_token", "is_chirpy_red"]
    status, changed = curl("PUT", "/api/users", *bearer(pair["token"]), data=eve.replace("eve@", "eva@"))
    assert (status, changed) == (200, {"email": "eva@example.com", "id": pair["id"], "is_chirpy_red": False})
    status, fresh = curl("POST", "/api/refresh", *bearer(pair["refresh_token"]))
    assert status == 200 and list(fresh) == ["token"]
    assert curl("POST", "/api/revoke", *bearer(pair["refresh_token"])) == (204, None)
    assert curl("POST", "/api/refresh", *bearer(pair["refresh_token"]))[0] == 401


def test_user_v1_cookie(curl: Curl, tmp_path):
    kind, jar = ("-H", "Content-Type: application/json;charset=UTF-8"), str(tmp_path / "jar")
    assert curl("POST", "/api/v1/user/login", *kind, "-c", jar, data=json.dumps({"name": "ada", "password": PASSWORD}))[0] == 200
    change = ("PATCH", "/api/v1/user/updatePassword", *kind, "-b", jar, "-c", jar)
    status, answer = curl(*change, data=CHANGE % ("oldpassword", NEW_PASSWORD, NEW_PASSWORD))
    assert status == 401 and answer["error"] == {"statusCode": 401, "status": "fail", "isOperational": True}
    assert curl(*change, data=CHANGE % (PASSWORD, NEW_PASSWORD, "x")) == (400, {"status": "fail", "message": "Passwords are not the same."})
    status, answer = curl(*change, data=CHANGE % (PASSWORD, NEW_PASSWORD, NEW_PASSWORD))
    assert status == 200 and answer["data"]["user"]["role"] == "admin"
    status, answer = curl("GET", "/api/v1/user/", "-b", jar)
    assert (status, answer["results"], answer["status"]) == (200, 1, "success")
    assert curl("GET", "/api/v1/user/logout", "-b", jar, "-c", jar) == (200, {"status": "success"})
    assert curl("GET", "/api/v1/user/", "-b", jar)[0] == 401


def test_user_mass(curl: Curl):
    adam = json.dumps({"user": "SickIGN", "pass": NEW_PASSWORD, "fname": "Adam", "lname": "Todd", "email": "todda@rpi.edu"})
    assert (
        curl("POST", "/user", "-L", "-H", "Content-Type: application/json", data=adam)[0] == 201
    )  # 308 keeps method and body
    token = curl("POST", "/api/login", data=json.dumps({"email": "ada", "password": PASSWORD}))[1]["token"]
    status, listed = curl("GET", f"/user?page=0&token={token}")
    assert (status, listed) == (200, {"message": "Success", "data": [{"uid": 1, "email": None}, {"uid": 2, "email": "todda@rpi.edu"}]})
    assert curl("GET", "/user") == (401, {"message": "You do not have permission to access this resource"})
    assert curl("PUT", "/user", "-d", f"token={token}", "-d", "fname=Adam", "-d", "lname=Todd") == (
        200,
        {"message": "Data successfully updated"},
    )
    assert curl("PUT", "/user") == (401, {"message": "You do not have permission to perform this action"})
    assert curl("DELETE", f"/user?token={token}") == (200, {"message": "Accounts sucessfully deleted"})
    assert curl("DELETE", "/user") == (401, {"message": "You do not have permission to perform this action"})


def test_large_and_chunked_bodies_and_methods_over_the_wire(curl: Curl, served: Served, tmp_path):
    (tmp_path / "large").write_bytes(b" " * 65_537)
    for path, key in (
        ("/api/v2/users/eve", "body_too_large"),
        ("/api/v1/login", "msg"),
        ("/api/login", "error"),
        ("/api/v1/user/login", "message"),
        ("/auth", "message"),
    ):
        for options in ((), ("-H", "Transfer-Encoding: chunked")):
            status, answer = curl("POST", path, "-H", "Expect:", *options, "--data-binary", f"@{tmp_path / 'large'}")
            assert status == 413 and key in answer
    assert (
        curl("POST", "/api/v1/login", "-H", "Transfer-Encoding: chunked", data=json.dumps({"login": "ada", "password": PASSWORD}))[0] == 200
    )
    assert curl("GET", "/api/v1/users", "-H", "Host: a b")[0] == 400


def test_a_token_in_an_address_never_reaches_the_log(curl: Curl, served: Served):
    token = curl("POST", "/api/login", data=json.dumps({"email": "ada", "password": PASSWORD}))[1]["token"]
    for words in (f"?token={token}", f"?page=x&token={token}", f"?token={token}%FF", f"?token={token}x"):
        curl("GET", f"/user{words}")
    served.stop()
    assert token not in served.log.read_text() and PASSWORD not in served.log.read_text()


def test_a_list_leaves_the_connection_open_until_it_is_long(served: Served):
    v1 = served.call("POST", "/api/v1/login", {"login": "ada", "password": PASSWORD})["access_token"]
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)) as connection:
        def listed() -> tuple[http.client.HTTPResponse, list[Any]]:
            connection.request("GET", "/api/v1/users", headers={"Authorization": f"Bearer {v1}"})
            answer = connection.getresponse()
            return answer, json.loads(answer.read())["Users"]
        answer, users = listed()
        assert answer.getheader("Content-Length") and [user["login"] for user in users] == ["ada"] and connection.sock
        for number in range(300):
            connection.request("POST", f"/api/v2/users/user{number}", json.dumps({"password": PASSWORD}),
                               {"Authorization": basic("ada"), "Content-Type": "application/json"})
            assert connection.getresponse().read() and connection.sock
        answer, users = listed()
        assert answer.getheader("Content-Length") is None and answer.getheader("Transfer-Encoding") == "chunked"
        assert [user["login"] for user in users] == ["ada", *(f"user{number}" for number in range(300))]
