"""PostgreSQL behind pgbouncer, where there is one: connections that are ours for a session, or for a transaction only."""
from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.console import Console, times
from tests.drills.engines import DATABASE, READY_SECONDS, PostgreSQL, running
from tests.drills.load import answers, at_work, must_hold
from tests.ports import free_port

CONFIGURATION = """
[databases]
{database} = host=127.0.0.1 port={behind}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {users}
pool_mode = {mode}
default_pool_size = {size}
"""


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgreSQL]:
    if shutil.which("pgbouncer", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("pgbouncer is not installed")
    with running(PostgreSQL) as made:
        yield made


@contextlib.contextmanager
def bouncer(postgresql: PostgreSQL, mode: str, size: int) -> Iterator[int]:
    """The port of a pgbouncer with so many connections to the engine."""
    port, folder = free_port(), postgresql.folder
    (folder / "users.txt").write_text('"postgres" ""\n')
    (folder / "pgbouncer.ini").write_text(CONFIGURATION.format(database=DATABASE, behind=postgresql.port, port=port, mode=mode, size=size,
                                                               users=folder / "users.txt"))
    for name in ("users.txt", "pgbouncer.ini"):
        (folder / name).chmod(0o644)
    with subprocess.Popen(["/usr/sbin/pgbouncer", "-q", str(folder / "pgbouncer.ini")], **postgresql.as_user()) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.kill()


def _wait_for(port: int) -> None:
    last_moment = time.monotonic() + READY_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < last_moment
        time.sleep(0.05)


@pytest.mark.parametrize("mode, size, words", [("session", 40, ""), ("transaction", 4, "?pool_mode=transaction")], ids=["session", "transaction"])
def test_everything_works_behind_a_pool_of_connections(postgresql: PostgreSQL, tmp_path: Path, mode: str, size: int, words: str) -> None:
    with bouncer(postgresql, mode, size) as port, Console(
            tmp_path / "data", WEBADMIN_DATABASE_URL=f"postgresql://postgres@127.0.0.1:{port}/{DATABASE}{words}") as console:
        with at_work(console, mode, 6) as workers:
            time.sleep(times(2, 20))
        told = console.command("verify-log")
    made, _ = must_hold(workers, lambda sql: postgresql.ask(sql, DATABASE))
    assert set(answers(workers)) == {200} and made > 10
    assert told.returncode == 0, told.stdout + told.stderr
    postgresql.ask(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    postgresql.ask(f"CREATE DATABASE {DATABASE}")
