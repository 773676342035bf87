"""A whole server in processes of its own, over a folder of its own, and clients that keep a journal of what was acknowledged."""
from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
FULL = os.environ.get("WEBADMIN_DRILLS") == "full"
NAME, PASSWORD = "ada", "three green boats at dawn"
BASIC = "Basic " + base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_")}


def times(short: int, full: int) -> int:
    """How often: the short form runs with all other tests, the full one by `make drills`."""
    return full if FULL else short


class Console:
    """run.py with one administrator."""

    def __init__(self, folder: Path, **environment: str):
        self.folder, self.port = folder, free_port()
        self.words = [sys.executable, str(ROOT / "run.py")]
        self.log = folder.parent / f"{folder.name}.log"
        self.environment = {**ENVIRONMENT, "WEBADMIN_DATA": str(folder), "WEBADMIN_PORT": str(self.port), "WEBADMIN_WORKERS": "2",
                            "WEBADMIN_TESTING": "1", "WEBADMIN_BCRYPT_COST": "4", "WEBADMIN_ADMIN_USERNAME": NAME,
                            "WEBADMIN_ADMIN_PASSWORD": PASSWORD, **environment}

    def __enter__(self) -> Console:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @contextlib.contextmanager
    def killed_afterwards(self) -> Iterator[None]:
        """For whoever starts it in the block."""
        try:
            yield
        finally:
            if hasattr(self, "process"):
                self.kill()

    def start(self, healthy: int = 200) -> float:
        """Start it, and wait until /healthz answers so. Returns the seconds that took."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.words, cwd=ROOT, env=self.environment, stdout=subprocess.DEVNULL,
                                            stderr=log, start_new_session=True)
        while time.monotonic() - begun < 30:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/healthz", seconds=2)[0] == healthy:
                    return time.monotonic() - begun
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"it did not start: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """Every process of this server at once, as when the power fails."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(15)

    def get(self, path: str, seconds: float = 10, **headers: str) -> tuple[int, bytes]:
        with contextlib.closing(Client(self.port, seconds)) as client:
            return client.send("GET", path, **headers)

    @property
    def database(self) -> Path:
        return self.folder / "webadmin.db"

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "flask", "--app", "webadmin", *words], cwd=ROOT, env=self.environment, text=True,
                              capture_output=True, timeout=60, check=False)


class Client:
    """One connection that stays open. `source` is the address it comes from."""

    def __init__(self, port: int, seconds: float = 10, source: str = "127.0.0.1"):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds, source_address=(source, 0))

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, str):
            body, given["Content-Type"] = json.dumps(body), "application/json"
        self.connection.request(method, path, body, given)
        answer = self.connection.getresponse()
        self.headers = answer.headers
        return answer.status, answer.read()

    def close(self) -> None:
        self.connection.close()


def signed_in(client: Client) -> dict[str, str]:
    """Sign in as a browser does: the cookie's header."""
    _, page = client.send("GET", "/login")
    token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    form = client.headers.get_all("Set-Cookie") or []
    cookie = "; ".join(each.partition(";")[0] for each in form)
    body = urlencode({"csrf_token": token[1].decode(), "name": NAME, "password": PASSWORD})
    status, _ = client.send("POST", "/login", body, Cookie=cookie, Content_Type="application/x-www-form-urlencoded")
    assert status == 303
    return {"Cookie": "; ".join(each.partition(";")[0] for each in client.headers.get_all("Set-Cookie") or [])}


@contextlib.contextmanager
def traced(console: Console, *words: str) -> Iterator[None]:
    """strace with these words follows every thread of the server's processes for the block."""
    assert console.process
    children = Path(f"/proc/{console.process.pid}/task/{console.process.pid}/children").read_text().split()
    named = [word for pid in children for word in ("-p", pid)]
    with subprocess.Popen(["strace", "-f", "-q", *words, *named], stderr=subprocess.PIPE, text=True) as strace:
        if not _followed(strace, children):
            assert strace.stderr
            pytest.skip(f"strace may not look at other processes here: {strace.stderr.read()[:200]}")
        yield
        strace.send_signal(signal.SIGINT)
        strace.wait(20)


def _followed(strace: subprocess.Popen[str], pids: list[str]) -> bool:
    """Wait until strace follows every thread of these processes; not where it has ended instead."""
    def not_yet() -> bool:
        states = [path.read_text() for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/status")]
        return any(re.search(r"^TracerPid:\t0$", state, re.MULTILINE) for state in states)
    last_moment = time.monotonic() + 20
    while strace.poll() is None and not_yet():
        assert time.monotonic() < last_moment, "strace never got there"
        time.sleep(0.02)
    return strace.poll() is None


def rows(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(database, timeout=10)) as store:
        return store.execute(sql).fetchall()


def must_be_whole(database: Path) -> None:
    """The file is in order, and adds up."""
    assert rows(database, "PRAGMA integrity_check") == [("ok",)]
    must_add_up(lambda sql: rows(database, sql))


def must_add_up(ask: Callable[[str], list[tuple[Any, ...]]]) -> None:
    """No write stands without its entry in the log, nor an entry without its write."""
    counted = dict(ask('SELECT kind, count(*) FROM "change" GROUP BY kind'))
    [(accounts, deleted, writes)] = ask("SELECT count(*), count(deleted_at), sum(version - 1) FROM account")
    assert (counted.get("created", 0), counted.get("deleted", 0)) == (accounts, deleted)
    assert sum(counted.get(kind, 0) for kind in ("token", "updated", "deleted")) == writes
    assert ask("SELECT change_id FROM log_head") == ask('SELECT coalesce(max(id), 0) FROM "change"')


def spread(waits: list[float]) -> str:
    """Median, 99th and worst, in milliseconds."""
    waits = sorted(waits)
    return f"{len(waits)}: p50 {1000 * waits[len(waits) // 2]:.1f} ms, p99 {1000 * p99(waits):.1f} ms, worst {1000 * waits[-1]:.1f} ms"


def p99(waits: list[float]) -> float:
    return sorted(waits)[int(len(waits) * 0.99)] if waits else 0.0
