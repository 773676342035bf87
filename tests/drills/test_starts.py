"""First starts at once, starts that are killed, and files that are no database of ours (R7, R13, R14)."""
from __future__ import annotations

import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drills.console import ENVIRONMENT, FULL, ROOT, Console, rows, times
from tests.ports import free_port

REFUSED_SECONDS = 6      # 2 on a machine that does nothing else


def forked(what: str, folder: Path, *numbers: int, seconds: float = 60) -> dict[str, Any]:
    """What forks.py found."""
    words = [sys.executable, "-m", "tests.drills.forks", what, str(folder), *map(str, numbers)]
    done = subprocess.run(words, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=600 if FULL else seconds, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_first_start_that_is_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    found = forked("migrations", tmp_path, times(9, 1))
    print(f"R13: killed at {found['killed']} statements, all completed")
    assert found["killed"] > 3 and found["different"] == []


def test_two_first_starts_at_once_make_one_store(tmp_path: Path) -> None:
    assert forked("first_starts", tmp_path, times(3, 50)) == {"failed": 0}


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """A store with some accounts, its server killed, so that its write-ahead log is there."""
    made = Console(tmp_path_factory.mktemp("whole") / "data")
    with made:
        pass
    return made


def _foreign(path: Path) -> None:
    path.unlink()
    rows(path, "CREATE TABLE song(name)")


def _newer(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as store, store:
        store.execute("INSERT INTO schema_migration(name, applied) VALUES ('9999_later', '2030-01-01')")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for place in range(5000, len(content), 997):
        content[place] ^= 0xFF
    path.write_bytes(content)


BROKEN: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""), "garbage": lambda path: path.write_bytes(random.randbytes(50_000)),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:30_000]), "flipped": _flipped, "newer": _newer,
    "foreign": _foreign, "folder": _folder,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_no_store_of_ours_is_refused_untouched(console: Console, tmp_path: Path, name: str) -> None:
    shutil.copytree(console.folder, tmp_path / "data")
    path = tmp_path / "data" / "webadmin.db"
    rows(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    BROKEN[name](path)
    before = path.read_bytes() if path.is_file() else b""
    begun = time.monotonic()
    environment = {**console.environment, "WEBADMIN_DATA": str(tmp_path / "data"), "WEBADMIN_PORT": str(free_port())}
    done = subprocess.run([sys.executable, str(ROOT / "run.py")], env=environment, capture_output=True, text=True, timeout=20, check=False)
    took = time.monotonic() - begun
    assert done.returncode != 0 and took < REFUSED_SECONDS
    sentence = [line for line in done.stderr.splitlines() if not line.startswith("Warning")]
    assert len(sentence) == 1 and "Traceback" not in done.stderr, done.stderr
    assert (path.read_bytes() if path.is_file() else b"") == before
    print(f"R7 {name}: {took:.1f} s: {sentence[0]}")


def test_a_write_ahead_log_cut_anywhere_opens_at_a_commit(console: Console, tmp_path: Path) -> None:
    wal = console.folder / "webadmin.db-wal"
    content = wal.read_bytes()
    for number in range(times(10, 50)):
        place = tmp_path / str(number)
        place.mkdir()
        shutil.copy(console.database, place / "webadmin.db")
        (place / "webadmin.db-wal").write_bytes(content[:random.randrange(len(content))] if content else b"")
        assert rows(place / "webadmin.db", "PRAGMA integrity_check") == [("ok",)]
