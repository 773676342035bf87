"""Many requests of every kind, one after another: memory and descriptors stay, and what is over is forgotten (R20)."""
from __future__ import annotations

import contextlib
import json
from pathlib import Path

from tests.drills.console import BASIC, NAME, PASSWORD, Client, Console, rows, signed_in, times
from webadmin.accounts import expiry
from webadmin.store import database

ROUNDS = times(30, 6_000)      # of ten requests
GROWTH_BYTES, MORE_DESCRIPTORS = times(8, 30) * 2**20, 4
KEPT = ("session", "login", "revoked_token", "throttle")


def test_it_neither_grows_nor_leaks(tmp_path: Path, clock) -> None:
    with Console(tmp_path / "data", WEBADMIN_WORKERS="1", WEBADMIN_THREADS="4") as console:
        first: tuple[int, int] = (0, 0)
        for number in range(ROUNDS):
            one_of_each(console, number)
            if number == ROUNDS // 3:
                first = used(console)
        last = used(console)
        console.stop()
    kept = {table: rows(console.database, f"SELECT count(*) FROM {table}")[0][0] for table in KEPT}
    database.bind(f"sqlite:///{console.database}")
    clock(days=61)
    with database.connection():
        removed = dict(expiry.remove_old(log_days=0))
    database.forget_connections()
    left = {table: rows(console.database, f"SELECT count(*) FROM {table}")[0][0] for table in KEPT}
    print(f"R20: {10 * ROUNDS:,} requests; resident {first[0] / 2**20:.1f}, then {last[0] / 2**20:.1f} MB; descriptors {first[1]}, then {last[1]}; "
          f"rows {kept}; 61 days later {removed} are forgotten and {left} left")
    assert last[0] - first[0] < GROWTH_BYTES and last[1] - first[1] <= MORE_DESCRIPTORS
    assert all(kept.values()) and not any(left.values())


def used(console: Console) -> tuple[int, int]:
    """Resident bytes and descriptors of the process that answers."""
    [child] = Path(f"/proc/{console.process.pid}/task/{console.process.pid}/children").read_text().split()
    pages = int(Path(f"/proc/{child}/statm").read_text().split()[1])
    return pages * 4096, len([*Path(f"/proc/{child}/fd").iterdir()])


def one_of_each(console: Console, number: int) -> None:
    with contextlib.closing(Client(console.port, 30)) as client, contextlib.closing(Client(console.port, 30, "127.0.0.2")) as stranger:
        cookie = signed_in(client)      # two requests
        status, answer = client.send("POST", "/api/v1/login", {"login": NAME, "password": PASSWORD})
        assert status == 200, answer
        bearer = {"Authorization": f"Bearer {json.loads(answer)['access_token']}"}
        told = [client.send("GET", "/users?q=ada", **cookie)[0], client.send("GET", "/activity", **cookie)[0],
                client.send("GET", "/api/v1/users", **bearer)[0], client.send("GET", "/api/v2/users", Authorization=BASIC)[0],
                client.send("DELETE", "/api/v1/logout", **bearer)[0], client.send("GET", "/nowhere", **cookie)[0],
                stranger.send("POST", "/api/login", {"email": f"nobody{number}", "password": "a wrong password"})[0]]
    assert told[:6] == [200, 200, 200, 200, 200, 404] and told[6] in (401, 429), told      # of the stranger's source, whose wrong passwords count for nobody else
