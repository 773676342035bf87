"""The time of a refusal tells nothing about the account: unknown names beside known ones, at every door (EN2).

By the time of the processor, which says the same on a machine that does much else; in full by the clock too, which wants a calm one.
"""
from __future__ import annotations

import base64
import contextlib
import itertools
import math
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import bcrypt
import pytest

from tests.drills.console import FULL, Client, Console, times

ROUNDS = times(4, 300)
COST, CHEAPER = (12, 10) if FULL else (8, 6)
SECONDS = 0.005                        # between two medians; a check that is left out costs 200 ms in full, 13 in short
LEAST_P = 0.001                        # ten comparisons, each of which may be wrong by chance
WRONG = "not the password of anyone"


def _page(client: Client, name: str) -> Callable[[], int]:
    _, page = client.send("GET", "/login")
    token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token
    cookie = "; ".join(each.partition(";")[0] for each in client.headers.get_all("Set-Cookie") or [])
    body = urlencode({"csrf_token": token[1].decode(), "name": name, "password": WRONG})
    return lambda: client.send("POST", "/login", body, Cookie=cookie, Content_Type="application/x-www-form-urlencoded")[0]


def _json(path: str, field: str) -> Callable[[Client, str], Callable[[], int]]:
    return lambda client, name: lambda: client.send("POST", path, {field: name, "password": WRONG})[0]


def _basic(client: Client, name: str) -> Callable[[], int]:
    header = "Basic " + base64.b64encode(f"{name}:{WRONG}".encode()).decode()
    return lambda: client.send("GET", "/api/v2/users", Authorization=header)[0]


DOORS = {"browser": _page, "v1": _json("/api/v1/login", "login"), "chirpy": _json("/api/login", "email"),
         "cookie": _json("/api/v1/user/login", "name"), "basic": _basic}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A server with one account of each kind for every try: none is tried twice."""
    folder = tmp_path_factory.mktemp("time")
    made = Console(folder / "data", WEBADMIN_WORKERS="1", WEBADMIN_BCRYPT_COST=str(COST), WEBADMIN_TESTING="1")
    hashes = {kind: bcrypt.hashpw(b"another password", bcrypt.gensalt(cost)).decode() for kind, cost in (("ours", COST), ("cheaper", CHEAPER))}
    lines = [f"{kind}-{door}-{number},{stored}" for kind, stored in hashes.items() for door in DOORS for number in range(ROUNDS)]
    (folder / "people.csv").write_text("\n".join(["username,password_hash", *lines, ""]))
    with made:
        assert made.command("import", str(folder / "people.csv")).returncode == 0
        yield made


addresses = (f"127.{a}.{b}.{c}" for a, b, c in itertools.product(range(9, 250), range(250), range(1, 250)))


@pytest.mark.parametrize("door", DOORS)
def test_unknown_and_known_names_take_the_same_time(console: Console, door: str) -> None:
    took: dict[str, list[tuple[float, float]]] = {"unknown": [], "ours": [], "cheaper": []}
    for number in range(ROUNDS):
        for kind in random.sample([*took], 3):
            with contextlib.closing(Client(console.port, 30, source=next(addresses))) as client:
                client.connection.connect()
                ask = DOORS[door](client, f"{kind}-{door}-{number}")
                processor, clock = spent(console), time.perf_counter()
                assert ask() == (403 if door == "browser" else 401)
                took[kind].append((spent(console) - processor, time.perf_counter() - clock))
    for kind, (place, measure) in itertools.product(("ours", "cheaper"), enumerate(("processor", "clock"))):
        ones, others = [each[place] for each in took[kind]], [each[place] for each in took["unknown"]]
        apart, chance = median(ones) - median(others), p_value(ones, others)
        print(f"EN2 {door}, {kind}, by the {measure}: {1000 * apart:+.2f} ms of {1000 * median(others):.0f}, p {chance:.2f}, {ROUNDS} rounds")
        assert measure == "clock" and not FULL or abs(apart) <= SECONDS and (chance > LEAST_P or not FULL)


def spent(console: Console) -> float:
    """Seconds of processor that the process which answers has had."""
    [child] = Path(f"/proc/{console.process.pid}/task/{console.process.pid}/children").read_text().split()
    return sum(int(each.read_text().split()[0]) for each in Path(f"/proc/{child}/task").glob("*/schedstat")) / 1e9


def p_value(ones: list[float], others: list[float]) -> float:
    """Mann and Whitney's U by the normal distribution: how likely two samples of one kind differ as much."""
    wins = sum((one > other) + (one == other) / 2 for one in ones for other in others)
    expected, deviation = len(ones) * len(others) / 2, math.sqrt(len(ones) * len(others) * (len(ones) + len(others) + 1) / 12)
    return math.erfc(abs(wins - expected) / deviation / math.sqrt(2))


def test_the_comparison_knows_a_difference() -> None:
    calm, late = [random.gauss(0.2, 0.01) for _ in range(300)], [random.gauss(0.205, 0.01) for _ in range(300)]
    assert p_value(late, calm) < LEAST_P < p_value(calm, [*reversed(calm)])
