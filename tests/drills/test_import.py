"""An import that is killed at any point, beside people who sign in and write (R12)."""
from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import bcrypt

from tests.drills.console import BASIC, NAME, PASSWORD, ROOT, Client, Console, rows, spread, times

ACCOUNTS = times(12_000, 100_000)
LONGEST_WAIT_SECONDS = 5


class Person(threading.Thread):
    """Signs in and writes, over and over; `waits` is what each took."""

    def __init__(self, console: Console):
        super().__init__()
        self.console, self.enough = console, threading.Event()
        self.waits: list[float] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.enough.is_set():
            for method, path, body in (("POST", "/api/v1/login", {"login": NAME, "password": PASSWORD}),
                                       ("POST", f"/api/v2/users/{NAME}/refresh", None)):
                with contextlib.closing(Client(self.console.port, 30)) as client:
                    begun = time.monotonic()
                    status, answer = client.send(method, path, body, Authorization=BASIC)
                    self.waits.append(time.monotonic() - begun)
                if status != 200:
                    self.wrong.append(f"{method} {path}: {status} {answer[:200]!r}")


def test_an_import_that_is_killed_anywhere_is_completed_by_the_next(tmp_path: Path) -> None:
    stored, file = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(), tmp_path / "people.csv"
    file.write_text("username,email,password_hash\n" + "".join(f"u{n},u{n}@example.com,{stored}\n" for n in range(ACCOUNTS)))
    with Console(tmp_path / "data") as console:
        person = Person(console)
        person.start()
        points = [0]
        for _ in range(times(2, 20)):
            points.append(killed_after(points[-1], console, file))
        last = console.command("import", str(file))
        person.enough.set()
        person.join()
        assert last.returncode == 0 and f"{ACCOUNTS - points[-1]:,} accounts made, 0 changed, {points[-1]:,} as they were" in last.stdout
        assert not person.wrong and max(person.waits) < LONGEST_WAIT_SECONDS
        assert rows(console.database, "SELECT count(*) FROM account") == [(ACCOUNTS + 1,)]
        assert rows(console.database, "SELECT count(*), count(DISTINCT account_id) FROM detail WHERE account_id > 1") == [(ACCOUNTS, ACCOUNTS)]
        assert console.command("verify-log").returncode == 0
    print(f"R12: {ACCOUNTS:,} lines, killed when {points} were in; others meanwhile {spread(person.waits)}")


def imported(console: Console) -> int:
    return int(rows(console.database, "SELECT count(*) FROM account WHERE id > 1")[0][0])


def killed_after(before: int, console: Console, file: Path) -> int:
    """How many accounts are in after an import got beyond `before` and was killed some moment later: whole batches, each with its entry."""
    words = [sys.executable, "-m", "flask", "--app", "webadmin", "import", str(file)]
    with subprocess.Popen(words, cwd=ROOT, env=console.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        while running.poll() is None and imported(console) == before:
            time.sleep(0.02)
        time.sleep(random.uniform(0, 0.5))
        running.send_signal(signal.SIGKILL)
    there = imported(console)
    assert there % 2000 == 0 or there == ACCOUNTS
    assert rows(console.database, "SELECT count(*) FROM detail WHERE account_id > 1") == [(there,)]
    assert rows(console.database, "SELECT coalesce(sum(accounts), 0) FROM change WHERE kind = 'imported'") == [(there,)]
    assert rows(console.database, "PRAGMA quick_check") == [("ok",)]
    return there
