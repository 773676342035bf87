"""PostgreSQL on two servers: the primary is killed under load, its standby takes over, and nothing that was acknowledged is lost (R18)."""
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drills.console import Console, times
from tests.drills.engines import DATABASE, PostgreSQL, running
from tests.drills.load import answers, at_work, first_success, must_hold, write

BACK_SECONDS = 10      # from the promotion to the first acknowledged write of everybody


class Pair:
    """The two servers, the one that takes writes first, and a console that knows both addresses."""

    def __init__(self, primary: PostgreSQL, standby: PostgreSQL, folder: Path):
        self.primary, self.standby = primary, standby
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in (primary, standby))
        self.console = Console(folder, WEBADMIN_DATABASE_URL=f"postgresql://postgres@{hosts}/{DATABASE}?target_session_attrs=read-write")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.primary.ask(sql, DATABASE)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running(PostgreSQL) as primary, running(PostgreSQL, primary) as standby:
        made = Pair(primary, standby, tmp_path_factory.mktemp("failover") / "data")
        with made.console:
            yield made


def test_nothing_that_was_acknowledged_is_lost_with_the_primary(pair: Pair) -> None:
    everyone, slowest, refused, process = [], 0.0, 0, pair.console.process
    for round_ in range(times(1, 20)):
        with at_work(pair.console, f"r{round_}") as workers:
            time.sleep(1)
            pair.primary.kill()
            killed = time.monotonic()
            time.sleep(0.3)
            pair.standby.promote()
            promoted = time.monotonic()
            time.sleep(1.5)
        pair.primary, pair.standby = pair.standby, pair.primary
        everyone += workers
        made, deleted = must_hold(everyone, pair.rows)
        assert set(answers(workers, killed, promoted)) <= {200, 503}
        slowest = max(slowest, first_success(workers, promoted))
        refused += answers(workers).count(503)
        pair.standby.follow(pair.primary)      # what was the primary comes back as the standby
    told = pair.console.command("verify-log")
    assert told.returncode == 0, told.stdout + told.stderr
    assert process is pair.console.process and "another takes its place" not in pair.console.log.read_text()
    print(f"R18: {made} accounts made, {deleted} deleted, none lost; {refused} answers of 503; writes again {slowest:.1f} s after the promotion")
    assert made > 10 and refused > 0 and slowest < BACK_SECONDS


def test_a_write_that_may_not_have_been_replicated_is_not_acknowledged(pair: Pair) -> None:
    """The standby is away, and an operator cancels what waits for it: the write stands on one server, and is answered as failed."""
    pair.standby.stop()
    got: list[int] = []

    request = threading.Thread(target=lambda: got.append(write(pair.console)))
    request.start()
    last_moment = time.monotonic() + 20
    while not pair.primary.ask("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"):
        assert time.monotonic() < last_moment and not got, got
        time.sleep(0.05)
    request.join(20)
    assert got == [503]
    pair.standby.start()
    assert write(pair.console) == 200
