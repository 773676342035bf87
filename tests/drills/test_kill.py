"""A server that is killed loses nothing that it acknowledged, and one that is stopped finishes what runs (R1, R17)."""
from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from pathlib import Path

from tests.drills.console import BASIC, Client, Console, must_be_whole, rows, times

CLIENTS = 4
ENOUGH, MORE_ROUNDS = 11, 40      # accounts that must be made; where a busy machine makes fewer in the usual rounds, it goes on
READY_SECONDS = 5      # 2 on a machine that does nothing else


class Writer(threading.Thread):
    """Makes accounts, gives them tokens and deletes them until the server is gone; `made` and `deleted` were acknowledged."""

    def __init__(self, console: Console, name: str):
        super().__init__()
        self.console, self.prefix = console, name
        self.made: list[str] = []
        self.deleted: list[str] = []
        self.wrong: list[str] = []
        self.enough = False

    def run(self) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(Client(self.console.port, 10)) as client:
            while not self.enough:
                self._one(client)

    def _one(self, client: Client) -> None:
        name = f"{self.prefix}-{len(self.made)}"
        if self._say(client, "POST", f"/api/v2/users/{name}", {"password": f"{name} and a long tail"}):
            self.made.append(name)
        if self.made and random.random() < 0.5:
            self._say(client, "POST", f"/api/v2/users/{self.made[-1]}/refresh")
        if self.made and random.random() < 0.3 and self.made[-1] not in self.deleted:
            if self._say(client, "DELETE", f"/api/v2/users/{self.made[-1]}"):
                self.deleted.append(self.made[-1])

    def _say(self, client: Client, method: str, path: str, body: object = None) -> bool:
        status, text = client.send(method, path, body, Authorization=BASIC)
        if status not in (200, 503):
            self.wrong.append(f"{method} {path}: {status} {text[:200]!r}")
        return status == 200


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    console, slowest = Console(tmp_path / "data"), 0.0
    made: set[str] = set()
    deleted: set[str] = set()
    for round_ in range(times(5, 200) + MORE_ROUNDS):
        if round_ >= times(5, 200) and len(made) >= ENOUGH:
            break
        slowest = max(slowest, console.start())
        writers = [Writer(console, f"w{round_}-{number}") for number in range(CLIENTS)]
        for writer in writers:
            writer.start()
        time.sleep(random.uniform(0.05, 0.5))
        console.kill()
        for writer in writers:
            writer.join()
            made |= set(writer.made)
            deleted |= set(writer.deleted)
            assert not writer.wrong
        stored = dict(rows(console.database, "SELECT username, deleted_at FROM account"))
        assert made <= set(stored) and all(stored[name] for name in deleted)
        must_be_whole(console.database)
    told = console.command("verify-log")
    assert told.returncode == 0, told.stdout + told.stderr
    print(f"R1: {len(made)} accounts made, {len(deleted)} deleted, none lost; ready after {slowest:.1f} s at most; {told.stdout[:50]}")
    assert len(made) >= ENOUGH and slowest < READY_SECONDS


def test_a_server_that_is_told_to_stop_finishes_what_runs(tmp_path: Path) -> None:
    console, acknowledged, gaps = Console(tmp_path / "data"), set(), []
    console.start()
    for round_ in range(times(2, 50)):
        writers = [Writer(console, f"s{round_}-{number}") for number in range(2)]
        for writer in writers:
            writer.start()
        time.sleep(0.2)
        begun = time.monotonic()
        assert console.stop() == 0
        gaps.append(time.monotonic() - begun)
        for writer in writers:
            writer.join()
            acknowledged |= set(writer.made)
        gaps[-1] += console.start()
    console.kill()
    assert acknowledged <= {name for (name,) in rows(console.database, "SELECT username FROM account")}
    must_be_whole(console.database)
    print(f"R17: {len(gaps)} stops, {len(acknowledged)} acknowledged, none lost; stop and start took {max(gaps):.1f} s at most")
