"""Every secret is planted through every door of a started server, and then looked for wherever something is kept or said (AU3)."""
from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyotp
import pytest

from tests.canaries import Browser, Watch, basic, needles
from tests.running import PASSWORD, ROOT, server


class House:
    """A started server in a folder, and the commands of whoever has the machine."""

    def __init__(self, folder: Path, watch: Watch):
        self.folder, self.watch = folder, watch
        self.said = ""

    def command(self, *words: str, code: int = 0) -> str:
        others = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
        done = subprocess.run([sys.executable, "-m", "flask", "--app", "webadmin", *words], cwd=ROOT, text=True, capture_output=True, timeout=60,
                              check=False, env={**others, "WEBADMIN_DATA": str(self.folder / "data"), "WEBADMIN_TESTING": "1", "WEBADMIN_BCRYPT_COST": "4"})
        assert done.returncode == code, done
        self.said += done.stdout + done.stderr
        return done.stdout

    def write(self, statement: str) -> None:
        """For what no door can do."""
        with closing(sqlite3.connect(self.folder / "data" / "webadmin.db", timeout=5)) as store, store:
            store.execute(statement)

    def kept(self) -> list[Path]:
        """Every file that the server and the commands have made, but the keys: database, write-ahead log, locks, log, output."""
        return [path for path in self.folder.rglob("*") if path.is_file() and "keys" not in path.parts and path.suffix not in (".csv", ".jsonl")]


def through_pages(watch: Watch, house: House) -> None:
    ada, bob, first, second = Browser(watch), Browser(watch), watch.choose("password of a new account"), watch.choose("password of an edit")
    ada.post("/login", 403, name="ada", password=watch.choose("wrong password"))
    ada.post("/login", 303, name="ada", password=PASSWORD)
    ada.post("/users/new", 422, username="x", role="1", password=watch.choose("refused password") * 6)
    made = ada.post("/users/new", 303, username="bob", role="1", password=first).headers["Location"]
    ada.post(f"{made}/edit", 303, username="bob", role="1", password=second, version="1")
    bob.post("/login", 303, name="bob", password=second)
    own = watch.choose("password of one's own")
    bob.post("/password", 422, current=watch.choose("wrong current password"), password=own, confirm=watch.choose("wrong repetition"))
    bob.post("/password", 303, current=second, password=own, confirm=own)
    watch.told("API token", bob.post("/me/token", 200, at="/me").found(r"<code>([\w-]{43})</code>"))
    factors_of_bob(watch, house, bob, own)


def factors_of_bob(watch: Watch, house: House, bob: Browser, own: str) -> None:
    secret = re.sub(" ", "", bob.get("/me/authenticator").found(r"<code>([A-Z2-7 ]{39})</code>"))
    watch.told("secret of an app", secret)
    shown = bob.post("/me/authenticator", 200, code=pyotp.TOTP(secret).now())
    codes = [watch.told("recovery code", code) for code in re.findall(r"<code>(\w{5}-\w{5})</code>", shown.text)]
    assert len(codes) == 10
    bob.post("/me/recovery-codes/file", 200, at="/me", codes=codes)
    house.write("UPDATE session SET confirmed_at = 0")
    bob.post("/me/token", 403, at="/me", confirm_password=watch.choose("wrong password to confirm"))
    bob.post("/logout", 303, at="/me")
    bob.post("/login", 303, name="bob", password=own)
    bob.post("/login/second?with=recovery", 403, code=watch.choose("wrong recovery code"))
    bob.post("/login/second?with=recovery", 303, code=codes[0])


def through_contracts(watch: Watch) -> None:
    one, two, three = (watch.choose(f"password at {door}") for door in ("v2", "v1", "chirpy"))
    as_ada, junk = basic("ada", PASSWORD), watch.choose("junk token")
    calls = [("POST", "/api/v2/users/eve", {"password": one, "token": watch.choose("token of a client")}, {"Authorization": as_ada}),
             ("PUT", "/api/v2/users/eve/update", {"password": one, "token": watch.choose("another token of a client")}, {"Authorization": as_ada}),
             ("GET", "/api/v2/users/eve", None, {"Authorization": basic("eve", one)}),
             ("POST", "/api/v1/register", {"user_name": "Fay", "login": "fay", "password": two, "user_role": 1}, {}),
             ("POST", "/api/users", {"email": "gil@example.com", "password": three}, {})]
    for method, path, body, headers in calls:
        assert watch.send(method, path, body, **headers).status in (200, 201), path
    watch.told("API token", watch.send("POST", "/api/v2/users/eve/refresh", {}, Authorization=as_ada).json["token"])
    pair = watch.send("POST", "/api/v1/login", {"login": "fay", "password": two}).json
    chirpy = watch.send("POST", "/api/login", {"email": "gil@example.com", "password": three}).json
    cookie = watch.send("POST", "/api/v1/user/login", {"name": "fay", "password": two}).json["token"]
    admin = watch.send("POST", "/api/v1/login", {"login": "ada", "password": PASSWORD}).json["access_token"]
    for token in (*pair.values(), chirpy["token"], chirpy["refresh_token"], cookie, admin):
        watch.told("token", token)
    watch.send("POST", "/api/v1/refresh", None, Authorization=f"Bearer {pair['refresh_token']}")
    watch.send("POST", "/api/refresh", None, Authorization=f"Bearer {chirpy['refresh_token']}")
    new = watch.choose("password of updatePassword")
    cookies = {"Cookie": f"jwt={cookie}"}
    assert watch.send("PATCH", "/api/v1/user/updatePassword", {"current": new, "password": new, "confirm": new}, **cookies).status == 401
    assert watch.send("PATCH", "/api/v1/user/updatePassword", {"current": two, "password": new, "confirm": new}, **cookies).status == 200
    assert watch.send("GET", f"/user?page=0&token={admin}").status == 200
    assert watch.send("PUT", f"/user?dry_run=1&token={admin}&pass={watch.choose('password in an address')}").status == 200
    assert watch.send("PUT", f"/user?token={admin}&pass={watch.choose('refused password in an address')}&user=x").status == 400
    sign_up = {"user": "hal", "pass": watch.choose("password of a sign-up"), "fname": "H", "lname": "L", "email": "hal@example.com"}
    watch.told("token", watch.send("POST", "/auth", sign_up).json["token"])
    for path in ("/api/v2/users", "/api/v1/users", "/api/refresh", "/api/v1/user/", f"/user?token={junk}", "/me"):
        for headers in ({"Authorization": f"Bearer {junk}"}, {"Authorization": basic("ada", junk)}, {"Authorization": f"Basic {junk}"},
                        {"Cookie": f"jwt={junk}; webadmin_session={junk}; webadmin_form={junk}; webadmin_device={junk}"}):
            watch.send("GET", path, None, **headers)


def by_mistake(watch: Watch, house: House) -> None:
    """Passwords where none belong, requests that cannot be read, and a store that fails."""
    lost = [watch.choose(f"secret by mistake {number}") for number in range(6)]
    for path in ("/api/v1/login", "/api/login", "/api/v1/user/login", "/auth", "/api/users", "/api/v1/register"):
        for body in (f'{{"password": "{lost[0]}", "login": "ada"', f'{{"password": ["{lost[0]}"]}}', f'["{lost[0]}"]', f'{{"password": "{lost[0]}\\ud800"}}'):
            watch.send("POST", path, body, Content_Type="application/json")
        watch.send("POST", path, {name: lost[1] for name in ("login", "name", "email", "user", "password", "pass", "fname", "lname", "user_name")})
    watch.send("GET", f"/setup/{watch.told('link', 'L' * 20 + lost[2][:23])}")
    for path in ("/nowhere", "/login", "/favicon.ico", "/api/v2/users", "/healthz", "/static/none.css"):
        watch.send("GET", f"{path}?password={lost[2]}&token={lost[2]}")
        watch.send("DELETE", f"{path}?password={lost[2]}", None, Referer=f"http://x/?password={lost[2]}", User_Agent="curl")
    watch.send_raw(f"GET /user?token={lost[3]} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization : Bearer {lost[3]}\r\n\r\n")
    watch.send_raw(f"GET /user?token={lost[3]} HTTP/9.9\r\nContent-Length: x\r\nAuthorization: Bearer {lost[3]}\r\n\r\n{lost[3]}")
    watch.send_raw(f"{lost[3]}\r\n\r\n")
    for table in ("throttle", "account", '"change"'):
        house.write(f"ALTER TABLE {table} RENAME TO away")
        assert Browser(watch).post("/login", 503, name="ada", password=lost[4]).status >= 500
        assert watch.send("POST", "/api/v1/login", {"login": "ada", "password": lost[4]}).status >= 500
        watch.send("POST", "/api/users", {"email": "ida@example.com", "password": lost[5]})
        house.write(f"ALTER TABLE away RENAME TO {table}")


def by_command(watch: Watch, house: House) -> None:
    file = house.folder / "people.csv"
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows([["username", "password"], ["kim", watch.choose("imported password")], ["k k", watch.choose("password of a wrong line")],
                                     ["lou", watch.choose("refused imported password") * 6]])
    house.command("import", str(file), code=1)
    (house.folder / "more.jsonl").write_text(json.dumps({"username": "max", "password": watch.choose("password of a JSON line")}) + "\n{broken\n")
    house.command("import", str(house.folder / "more.jsonl"), code=1)
    house.command("create-admin", "nan", "--password", watch.choose("password of create-admin"))
    house.command("create-admin", "nan", "--password", watch.choose("password of a refused create-admin"), code=1)
    house.command("backup", str(house.folder / "backup"))
    house.command("export", "-", "--format", "jsonl")
    house.command("export", str(house.folder / "exported"))
    house.command("verify-log")


def test_no_secret_stands_in_anything_that_is_kept_or_said(tmp_path):
    with server(tmp_path) as address:
        watch = Watch(address)
        watch.chosen[PASSWORD] = "password of the preset administrator"
        house = House(tmp_path, watch)
        through_pages(watch, house)
        through_contracts(watch)
        by_mistake(watch, house)
        by_command(watch, house)
        assert (tmp_path / "data" / "webadmin.db-wal").stat().st_size > 0
        found = watch.hits_in(house.kept())
    found += watch.hits_in(house.kept()) + watch.hits("said by commands", house.said.encode()) + watch.echoes()
    assert sorted(set(found)) == []
    names = {path.name for path in house.kept()}
    assert {"webadmin.db", "log", "out", "backup", "exported"} <= names and len(watch.chosen) > 25 and len(watch.given) > 25
    assert (tmp_path / "log").stat().st_size > 1000 and {400, 401, 403, 404, 405, 422, 503} <= {each.status for each in watch.answers}


@pytest.mark.parametrize("kept", ["{}", "password={}&x=1", '"{}"'])
def test_a_secret_is_found_however_it_is_kept(kept):
    watch = Watch("")
    secret = watch.choose("password")
    for name in ("", "a", "ab", "abc"):
        header = basic(name, secret).encode()
        assert watch.hits("header", header) and not watch.hits("header", header[:-16])
    assert watch.hits("text", kept.format(secret).upper().encode()) and watch.hits("hex", secret.encode().hex().encode())
    assert watch.hits("groups", re.sub("(.{4})", r"\1 ", secret).encode()) and len(needles(secret)) == 5
