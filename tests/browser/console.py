"""The real server in a process of its own, and an administrator without a browser who arranges what a test starts from."""
from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import APIRequestContext, BrowserContext

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a short walk before breakfast"


class Console:
    """`python run.py` on a free port, with a data folder of its own. `link` is the printed set-up link."""

    def __init__(self, folder: Path, *, quick: bool = True) -> None:
        """`quick`: passwords are hashed as tests do, and the console says so on every page."""
        port = free_port()
        self.database = folder / "webadmin.db"
        self.address = f"http://127.0.0.1:{port}"
        self.log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "run.py"], cwd=ROOT, stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={**_without_settings(), "WEBADMIN_DATA": str(folder), "WEBADMIN_PORT": str(port), "WEBADMIN_WORKERS": "1",
                 **({"WEBADMIN_TESTING": "1", "WEBADMIN_BCRYPT_COST": "4"} if quick else {})})
        assert self.process.stdout
        said = self.process.stdout.readline()
        assert said.startswith("Set-up: "), (folder / "log").read_text()
        self.link = said.removeprefix("Set-up: ").strip()
        assert "ready" in self.process.stdout.readline()

    def let_time_pass(self, context: BrowserContext) -> None:
        """The last proof that it is still the same person is long ago."""
        key = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "webadmin_session")
        self.write("UPDATE session SET confirmed_at = 0 WHERE key_hash = ?", sha256(key.encode()).hexdigest())

    def write(self, statement: str, *values: Any) -> None:
        """For what no door can do, such as make time pass."""
        with sqlite3.connect(self.database, timeout=5) as store:
            store.execute(statement, values)
        store.close()

    def end(self) -> None:
        with self.process, self.log:
            self.process.terminate()
            assert self.process.wait(15) == 0


class Office:
    """An account at the doors of the browser, without one: quick, for what has happened before a test begins."""

    def __init__(self, request: APIRequestContext) -> None:
        self.request = request
        self.token = ""

    def set_up(self, link: str, username: str) -> None:
        self._read_token(link)
        self.do(link, username=username, email=f"{username}@example.com", password=PASSWORD)
        self._read_token("/me")

    def sign_in(self, username: str, password: str = PASSWORD) -> None:
        self._read_token("/login")
        self.do("/login", name=username, password=password)
        self._read_token("/password")

    def make(self, username: str, **fields: Any) -> int:
        """A new account with PASSWORD, unless told otherwise an ordinary one that is asked for nothing. Returns its number."""
        return int(self.do("/users/new", **{"username": username, "role": "1", "password": PASSWORD, **fields}).rsplit("/", 1)[1])

    def do(self, path: str, **fields: Any) -> str:
        """A form that must be accepted. Returns where the answer leads."""
        answer = self.request.post(path, form={"csrf_token": self.token, **fields})
        assert answer.ok, (path, answer.status, re.sub(r"(?s)^.*<main|<svg.*?</svg>", "", answer.text())[:2000])
        return urlsplit(answer.url).path

    def led_to(self, path: str) -> str:
        """Where the browser ends that opens this path."""
        return urlsplit(self.request.get(path).url).path

    def _read_token(self, path: str) -> None:
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.request.get(path).text())
        assert found, path
        self.token = found[1]


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}
