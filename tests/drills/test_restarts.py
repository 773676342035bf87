"""PostgreSQL and MariaDB are restarted while requests run: those get a 503, and the next ones are answered, without a restart of ours (R19)."""
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.drills.console import Console, times
from tests.drills.engines import DATABASE, Engine, MariaDB, PostgreSQL, running
from tests.drills.load import answers, at_work, must_hold, write

THREADS = 8


@pytest.fixture(scope="module", params=[PostgreSQL, MariaDB], ids=["postgresql", "mariadb"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with running(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def console(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with Console(tmp_path_factory.mktemp("restarts") / "data", WEBADMIN_DATABASE_URL=engine.url, WEBADMIN_WORKERS="1",
                 WEBADMIN_THREADS=str(THREADS)) as started:
        yield started


def test_work_goes_on_after_restarts_and_nothing_is_lost_or_done_twice(engine: Any, console: Console) -> None:
    workers, process, back = [], console.process, []
    for round_ in range(times(2, 30)):
        with at_work(console, f"r{round_}") as working:
            time.sleep(0.7)
            engine.kill() if round_ % 2 else engine.stop()
            engine.start()
            back.append(time.monotonic())
            time.sleep(0.7)
        workers += working
        healed = answers(working, back[-1])
        assert healed[-1] == 200 and healed.count(503) <= THREADS, healed
    made, deleted = must_hold(workers, lambda sql: engine.ask(sql, DATABASE))
    told = console.command("verify-log")
    assert told.returncode == 0, told.stdout + told.stderr
    assert process is console.process and "another takes its place" not in console.log.read_text()
    refused = answers(workers).count(503)
    print(f"R19 {type(engine).__name__}: {made} made, {deleted} deleted, none lost; {len(back)} restarts, {refused} answers of 503")
    assert made > 10 and 0 not in answers(workers)


def test_a_connection_that_died_unused_is_noticed_before_a_request_uses_it(engine: Any, console: Console) -> None:
    assert [write(console) for _ in range(3)] == [200] * 3
    engine.restart()
    assert [write(console) for _ in range(2 * THREADS)] == [200] * 2 * THREADS


def test_a_request_that_waits_in_the_engine_is_told_and_the_next_one_served(engine: Any, console: Console) -> None:
    """It waits for the end of the log, which somebody else holds, when the engine goes."""
    import psycopg
    import pymysql

    made: Any = (psycopg.connect(host="127.0.0.1", port=engine.port, user="postgres", dbname=DATABASE) if isinstance(engine, PostgreSQL) else
                 pymysql.connect(unix_socket=str(engine.folder / "socket"), user="root", database=DATABASE))
    cursor, got = made.cursor(), []
    cursor.execute("SELECT change_id FROM log_head FOR UPDATE")
    [(before,)] = cursor.fetchall()
    request = threading.Thread(target=lambda: got.append(write(console)))
    request.start()
    time.sleep(0.5)
    assert got == []
    engine.kill()
    request.join(20)
    assert got == [503]
    engine.start()
    assert engine.ask("SELECT change_id FROM log_head", DATABASE) == [(before,)]
    assert write(console) == 200
    made.close()
