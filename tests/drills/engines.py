"""PostgreSQL and MariaDB servers of the drills' own: on free ports, in a folder of their own, ended and killed as the drill likes."""
from __future__ import annotations

import contextlib
import glob
import importlib.util
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.ports import free_port

READY_SECONDS = 60
DATABASE = "webadmin"


def binary(name: str) -> str:
    """Where the program is; the test is skipped, or fails where nothing may be missing, on a machine that has none."""
    places = [*sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True), shutil.which(name, path="/usr/bin:/usr/sbin:/usr/local/bin")]
    found = next((each for each in places if each), None)
    if found is None:
        _missing(name)
    return str(found)


def _missing(name: str) -> None:
    (pytest.fail if os.environ.get("WEBADMIN_TEST_ALL") else pytest.skip)(f"{name} is not installed")


def _killed(process_id: int) -> int | None:
    """Kills it, and returns a descriptor that can be read once it has ended; nothing when it had ended before."""
    try:
        descriptor = os.pidfd_open(process_id)
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except ProcessLookupError:
        return None
    return descriptor


class Engine:
    """A database server, in a folder of the account that it runs as, which is never root."""

    user = driver = ""

    def __init__(self) -> None:
        if importlib.util.find_spec(self.driver) is None:
            _missing(f"{self.driver}, of requirements-dev.txt,")
        self.folder = Path(tempfile.mkdtemp(prefix="webadmin-"))      # short: a socket's name may have 107 letters
        self.port, self.log = free_port(), self.folder / "log"
        self.process: subprocess.Popen[bytes] | None = None
        if os.getuid() == 0:
            shutil.chown(self.folder, self.user)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True, cwd=self.folder, **self.as_user())
        last_moment = time.monotonic() + READY_SECONDS
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < last_moment, self.log.read_text()[-2000:]
            time.sleep(0.05)

    def kill(self) -> None:
        """Every process of it at once, as when the power fails. None is left: a second server would be refused while one holds the memory."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)      # it makes no more while they are counted
            children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False).stdout.split()
            ending = [_killed(int(each)) for each in children]      # PostgreSQL's are in groups of their own
            self.process.kill()
            self.process.wait()
            for each in filter(None, ending):
                assert select.select([each], [], [], READY_SECONDS)[0]
                os.close(each)

    def restart(self) -> None:
        """As an administrator does it: whoever is connected is thrown out."""
        self.stop()
        self.start()

    def stop(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGINT if self.user == "postgres" else signal.SIGTERM)
        self.process.wait(READY_SECONDS)

    def make(self) -> None:
        """A server with an empty database."""
        raise NotImplementedError

    def follow(self, primary: PostgreSQL) -> None:
        raise NotImplementedError

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):      # a driver that is refused leaves its socket open
                pass
            self.ask("SELECT 1")
        except Exception:
            return False
        return True

    def ask(self, statement: str, database: str = "") -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def as_user(self) -> dict[str, Any]:
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": ()} if os.getuid() == 0 else {}

    def run(self, *words: str) -> None:
        done = subprocess.run(words, cwd=self.folder, capture_output=True, timeout=READY_SECONDS, check=False, **self.as_user())
        assert done.returncode == 0, done.stderr[-2000:]


Server = TypeVar("Server", bound=Engine)


class PostgreSQL(Engine):
    user, driver = "postgres", "psycopg"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{DATABASE}"

    def make(self) -> None:
        initdb = binary("initdb")
        self.run(initdb, "-D", str(self.folder / "data"), "-U", "postgres", "--auth", "trust", "--no-sync", "-E", "UTF8", "--locale", "C")
        self.start()
        self.ask(f"CREATE DATABASE {DATABASE}")

    def follow(self, primary: PostgreSQL) -> None:
        """A standby of the primary, which from then on waits for it at every commit. What this server held before is gone."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        self.run(binary("pg_basebackup"), "-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", "-D", str(self.folder / "data"), "-R",
                 "-X", "stream", "-c", "fast", "--no-sync")
        with (self.folder / "data" / "postgresql.auto.conf").open("a") as conf:
            conf.write(f"primary_conninfo = 'host=127.0.0.1 port={primary.port} user=postgres application_name=standby'\n")
        self.start()
        primary.ask("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        primary.ask("SELECT pg_reload_conf()")
        last_moment = time.monotonic() + READY_SECONDS
        while primary.ask("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            assert time.monotonic() < last_moment
            time.sleep(0.05)

    def promote(self) -> None:
        """Nobody is waited for any more: there is no other server yet."""
        for statement in ("SELECT pg_promote()", "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()"):
            self.ask(statement)

    def ask(self, statement: str, database: str = "") -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database or "postgres", autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _command(self) -> list[str]:
        return [binary("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder),
                "-c", "max_connections=60", "-c", "fsync=off", "-c", "shared_buffers=32MB"]      # a process is killed here, not the machine


class MariaDB(Engine):
    user, driver = "mysql", "pymysql"

    @property
    def url(self) -> str:
        return f"mariadb://webadmin:webadmin@127.0.0.1:{self.port}/{DATABASE}"

    def make(self) -> None:
        install = binary("mariadb-install-db")
        self.run(install, "--no-defaults", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal", "--skip-test-db")
        self.start()
        for statement in (f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4", "CREATE USER webadmin@127.0.0.1 IDENTIFIED BY 'webadmin'",
                          f"GRANT ALL ON {DATABASE}.* TO webadmin@127.0.0.1"):
            self.ask(statement)

    def ask(self, statement: str, database: str = "") -> list[tuple[Any, ...]]:
        import pymysql

        with contextlib.closing(pymysql.connect(unix_socket=str(self.folder / "socket"), user="root", database=database or None)) as connection:
            cursor = connection.cursor()
            cursor.execute("SET sql_mode = 'ANSI_QUOTES'")
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _command(self) -> list[str]:
        return [binary("mariadbd"), "--no-defaults", f"--datadir={self.folder / 'data'}", f"--socket={self.folder / 'socket'}",
                f"--port={self.port}", "--bind-address=127.0.0.1", f"--pid-file={self.folder / 'pid'}", "--innodb-buffer-pool-size=32M",
                "--innodb-flush-log-at-trx-commit=2", "--innodb-log-file-size=16M"]


@contextlib.contextmanager
def running(kind: type[Server], primary: PostgreSQL | None = None) -> Iterator[Server]:
    """An engine of this kind, new, or a standby of the primary; gone with its processes and its folder afterwards."""
    engine = kind()
    try:
        engine.follow(primary) if primary else engine.make()
        yield engine
    finally:
        engine.kill()
        shutil.rmtree(engine.folder)
