"""Run by test_starts.py and test_load.py in a process without threads, so that it may fork: each act in a child of its own."""
from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from webadmin import backups, create_app, settings, start
from webadmin.accounts import keys, users
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Account
from webadmin.store import database

KILLED = -signal.SIGKILL


def settings_of(folder: Path) -> settings.Settings:
    return settings.load({"WEBADMIN_DATA": str(folder), "WEBADMIN_TESTING": "1", "WEBADMIN_BCRYPT_COST": "4"}, folder / "none.py")


def in_children(*acts: Callable[[], Any]) -> list[int]:
    """Their exit codes; each runs at the same time in a process of its own."""
    pids = []
    for act in acts:
        pid = os.fork()
        if not pid:
            code = 1
            try:
                act()
                code = 0
            except Exception:
                traceback.print_exc()
            finally:
                os._exit(code)
        pids.append(pid)
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def killed_at_statement(folder: Path, number: int) -> Callable[[], None]:
    """The first start, killed just before its SQL statement of this number."""
    def act() -> None:
        left, real = [number], database.peewee.SqliteDatabase.execute_sql

        def counted(self: Any, sql: str, *given: Any, **options: Any) -> Any:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(self, sql, *given, **options)
        database.peewee.SqliteDatabase.execute_sql = counted
        start.open_store(settings_of(folder))
    return act


def serves(folder: Path) -> None:
    chosen = settings_of(folder)
    start.prepare(chosen)
    assert create_app(chosen).test_client().get("/healthz").status_code == 200


def schema(folder: Path) -> list[Any]:
    database.bind(settings_of(folder).database_url)
    with database.connection():
        found = database.proxy.obj.execute_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    database.forget_connections()
    return found


def migrations(folder: Path, step: int) -> dict[str, Any]:
    """R13: kill the first start at every `step`-th statement; the next start completes it."""
    in_children(lambda: serves(folder / "whole"))
    number, killed, different = 1, 0, []
    while True:
        place = folder / str(number)
        ended = in_children(killed_at_statement(place, number))
        if ended == [0]:
            break
        killed += ended == [KILLED]
        if in_children(lambda place=place: serves(place)) != [0] or schema(place) != schema(folder / "whole"):  # type: ignore[misc]
            different.append(number)
        number += step
    return {"killed": killed, "different": different}


def first_starts(folder: Path, rounds: int) -> dict[str, Any]:
    """R14: two first starts at once, over and over."""
    failed = 0
    for number in range(rounds):
        place = folder / str(number)
        failed += in_children(lambda place=place: serves(place), lambda place=place: serves(place)) != [0, 0]  # type: ignore[misc]
        failed += len(list((place / "keys").iterdir())) != len(keys.NAMES)
    return {"failed": failed}


def load(folder: Path, processes: int, threads: int, writes: int) -> dict[str, Any]:
    """R4, R15, R16: writers beside backups and a long reader; what each write waited, and what was found afterwards."""
    in_children(lambda: _make_accounts(folder, 20))
    acts = [lambda number=number: _write(folder, number, threads, writes) for number in range(processes)]
    ended = in_children(*acts, lambda: _back_up(folder, 3), lambda: _read_long(folder))
    waits = [wait for path in folder.glob("waits-*") for wait in json.loads(path.read_text())]
    return {"ended": ended, "waits": waits, "wal": max(json.loads((folder / "wal").read_text()))}


def _make_accounts(folder: Path, count: int) -> None:
    start.open_store(settings_of(folder))
    with database.connection():
        for number in range(count):
            users.create({"username": f"u{number}"}, f"long enough {number} words", by=COMMAND_LINE)


def _write(folder: Path, process: int, threads: int, writes: int) -> None:
    start.open_store(settings_of(folder))
    waits: list[float] = []
    wrong: list[str] = []

    def work(thread: int) -> None:
        with database.connection():
            accounts = list(Account.select())
            for number in range(writes):
                begun = time.perf_counter()
                try:
                    users.update(random.choice(accounts), {"first_name": f"{process} {thread} {number}"}, by=COMMAND_LINE)
                except Exception as failure:
                    wrong.append(repr(failure))
                waits.append(time.perf_counter() - begun)
    running = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    (folder / f"waits-{process}").write_text(json.dumps(waits))
    assert not wrong, wrong[:3]


def _back_up(folder: Path, count: int) -> None:
    start.open_store(settings_of(folder))
    for number in range(count):
        time.sleep(0.3)
        backups.make(folder / f"backup-{number}")


def _read_long(folder: Path) -> None:
    """One reader keeps one moment of the store open; how large the write-ahead log gets meanwhile."""
    start.open_store(settings_of(folder))
    sizes = []
    with database.connection(), database.snapshot():
        count = Account.select().count()
        for _ in range(20):
            time.sleep(0.05)
            sizes.append((folder / "webadmin.db-wal").stat().st_size)
        assert Account.select().count() == count
    (folder / "wal").write_text(json.dumps(sizes))


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    chosen: dict[str, Callable[..., dict[str, Any]]] = {"migrations": migrations, "first_starts": first_starts, "load": load}
    print(json.dumps(chosen[what](Path(where), *map(int, numbers))))
