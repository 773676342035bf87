"""Disks that fill up or fail: what cannot be kept is refused, what was kept stays, and reading goes on (R3, R5, R6)."""
from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import unwritable
from tests.drills.console import BASIC, NAME, PASSWORD, Client, Console, must_be_whole, rows, signed_in, times, traced

TRACE = "inject=fsync,fdatasync:error={}"


def create(console: Console, name: str) -> tuple[int, bytes]:
    with contextlib.closing(Client(console.port, 20)) as client:
        return client.send("POST", f"/api/v2/users/{name}", {"password": f"{name} and a long tail"}, Authorization=BASIC)


def _signed_in(console: Console) -> str:
    with contextlib.closing(Client(console.port, 20)) as client:
        _, answer = client.send("POST", "/api/v1/login", {"login": NAME, "password": PASSWORD})
    return f"Bearer {json.loads(answer)['access_token']}"


@contextlib.contextmanager
def failing_disk(console: Console, error: str) -> Iterator[None]:
    """Every fsync of the server fails."""
    with traced(console, "-e", "trace=fsync,fdatasync", "-e", TRACE.format(error), "-o", "/dev/null"):
        yield


@pytest.mark.skipif(not shutil.which("strace"), reason="strace makes the disk fail, and is not installed")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_a_write_whose_fsync_fails_is_not_acknowledged(tmp_path: Path, error: str) -> None:
    with Console(tmp_path / "data") as console:
        assert create(console, "before")[0] == 200
        with failing_disk(console, error):
            told = [create(console, f"lost{number}")[0] for number in range(4)]
            reading, _ = console.get("/login")
        assert set(told) == {503} and reading == 200
        assert create(console, "after")[0] == 200
        stored = {name for (name,) in rows(console.database, "SELECT username FROM account")}
        assert stored == {"ada", "before", "after"}
        must_be_whole(console.database)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may make a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_full_disk_refuses_writes_alone_and_needs_no_restart(small_disk: Path) -> None:
    with Console(small_disk / "data") as console:
        assert create(console, "before")[0] == 200
        bearer = _signed_in(console)
        filler = small_disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        refused = [create(console, f"lost{number}") for number in range(40)]
        lost = [number for number, (status, _) in enumerate(refused) if status != 200]
        assert lost and {refused[number][0] for number in lost} == {503}
        assert console.get("/login")[0] == 200 and console.get("/api/v1/users", Authorization=bearer)[0] == 200
        time.sleep(1.1)
        assert console.get("/healthz")[0] == 503
        filler.unlink()
        assert create(console, "after")[0] == 200
        time.sleep(1.1)
        assert console.get("/healthz")[0] == 200
        console.kill()
        stored = {name for (name,) in rows(console.database, "SELECT username FROM account")}
        acknowledged = {f"lost{number}" for number in range(40) if number not in lost}
        assert stored == {"ada", "before", "after"} | acknowledged
        must_be_whole(console.database)
        shutil.move(console.log, small_disk.parent / "log")


def test_a_store_that_is_read_only_is_served_and_signed_in_to(tmp_path: Path) -> None:
    """First under a server that runs, then at the start; with the write-ahead log of one that was killed, and without."""
    with Console(tmp_path / "data") as console:
        assert create(console, "before")[0] == 200
        with unwritable.folder(console.folder):
            must_be_read_only(console)
        assert create(console, "between")[0] == 200
        ends = [console.stop, console.kill][:times(1, 2)]
        for end in ends:
            end()
            with unwritable.folder(console.folder):
                console.start(healthy=503)
                must_be_read_only(console)
                console.kill()
            console.start()
            assert create(console, f"after-{end.__name__}")[0] == 200
        stored = {name for (name,) in rows(console.database, "SELECT username FROM account")}
        assert stored == {"ada", "before", "between", *(f"after-{end.__name__}" for end in ends)}
        must_be_whole(console.database)


def must_be_read_only(console: Console) -> None:
    with contextlib.closing(Client(console.port, 20)) as client:
        cookie = signed_in(client)
        for _ in range(times(3, 20)):      # whichever process answers
            with contextlib.closing(Client(console.port, 20)) as another:
                assert another.send("GET", "/users", **cookie)[0] == 200
                assert another.send("GET", "/api/v2/users", Authorization=BASIC)[0] == 200
                assert another.send("DELETE", "/api/v2/users/before", Authorization=BASIC)[0] == 503
