"""The power fails: what a server asked of its disk is recorded, and the disk is made as it may be at any moment of that (R2).

A write that no fsync has followed may be there, in pieces, or not at all. What was acknowledged before that moment must be there.
"""
from __future__ import annotations

import contextlib
import random
import re
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.drills.console import BASIC, Client, Console, times, traced

CALLS = "write,pwrite64,pwritev,ftruncate,fallocate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat"
CALL = re.compile(r"(\d+) +(\d+\.\d+) (?:<\.\.\. )?(\w+)(?: resumed>|\()(.*?)(?:\) += (-?\d+).*| <unfinished \.\.\.>)$")
MEMORY = Path("/dev/shm")      # where the made-up disks lie: no real one is asked to keep them
DATABASE, SECTOR = ("webadmin.db", "webadmin.db-wal"), 512
LAZY = "from webadmin.store import pools; pools.PRAGMAS[2] = ('synchronous', 1); import run, sys; sys.exit(run.main())"


@dataclass
class Event:
    """Something that the disk was asked: `data` at `place`, a new length, or (neither) to keep what it has."""

    at: float
    file: str
    place: int = 0
    data: bytes = b""
    length: int | None = None


@dataclass
class Disk:
    """What stands on it for sure, and what may."""

    sure: dict[str, bytearray]
    asked: list[Event] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if event.data or event.length is not None:
            self.asked.append(event)
            return
        for each in self.asked:
            if each.file == event.file:
                put(self.sure, each)
        self.asked = [each for each in self.asked if each.file != event.file]

    def after_a_cut(self, how: str) -> dict[str, bytearray]:
        files = {name: bytearray(content) for name, content in self.sure.items()}
        for event in {"nothing more": [], "everything": self.asked, "pieces": [*_pieces(self.asked)]}[how]:
            put(files, event)
        return files


def _pieces(asked: list[Event]) -> Iterator[Event]:
    """Some of the writes, some of them torn, in any order."""
    for event in random.sample(asked, random.randint(0, len(asked))):
        end = random.choice((len(event.data), random.randrange(0, len(event.data) + SECTOR, SECTOR)))
        if event.length is not None or event.data[:end]:
            yield Event(event.at, event.file, event.place, event.data[:end], event.length)


def put(files: dict[str, bytearray], event: Event) -> None:
    content = files[event.file]
    if event.length is not None:
        del content[event.length:]
        content.extend(bytes(event.length - len(content)))
        return
    content.extend(bytes(max(0, event.place - len(content))))
    content[event.place:event.place + len(event.data)] = event.data


@contextlib.contextmanager
def recorded(console: Console, into: Path) -> Iterator[None]:
    with traced(console, "-y", "-ttt", "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(into)):
        yield


def events(record: Path) -> Iterator[Event]:
    """What came of each call, when it had come."""
    begun: dict[str, str] = {}
    for line in record.read_text().splitlines():
        found = CALL.match(line)
        if found is None:
            assert not any(f"{name}>" in line for name in DATABASE), line[:200]
            continue
        process, at, call, given, result = found.groups()
        if result is None:
            begun[process] = given
        elif (event := _event(float(at), call, begun.pop(process, "") + given, int(result))):
            yield event


def _event(at: float, call: str, given: str, result: int) -> Event | None:
    named = given if call.startswith(("rename", "unlink")) else given.partition(">")[0] + ">"
    readable = re.sub(r"\\x([0-9a-f]{2})", lambda each: chr(int(each[1], 16)), named)
    name = next((name for name in DATABASE if re.match(rf"\d+<[^>]*/{re.escape(name)}>", readable)), "")
    if call.startswith(("rename", "unlink")):
        assert not any(each in readable for each in DATABASE), f"{call} {readable}"
        return None
    if not name or result < 0:
        return None
    if call in ("fsync", "fdatasync"):
        return Event(at, name)
    rest = given.split(">", 1)[1]
    if call == "ftruncate":
        return Event(at, name, length=int(rest.rpartition(", ")[2]))
    assert call == "pwrite64", f"the drill does not know {call}"
    text, _, place = (part.strip() for part in rest.lstrip(", ").rsplit(", ", 2))
    data = bytes.fromhex(text.strip('"').replace("\\x", ""))
    assert len(data) >= result
    return Event(at, name, int(place), data[:result])


def write(console: Console, name: str, count: int, acknowledged: list[tuple[float, str]]) -> None:
    with contextlib.closing(Client(console.port, 30)) as client:
        for number in range(count):
            status, answer = client.send("POST", f"/api/v2/users/{name}{number}", {"password": f"{name} and a long tail"}, Authorization=BASIC)
            assert status == 200, answer
            acknowledged.append((time.time(), f"{name}{number}"))


def lost(folder: Path, files: dict[str, bytearray], acknowledged: set[str]) -> set[str]:
    """Of the acknowledged accounts those that are not there. The store is whole, however little it holds."""
    for name in (*DATABASE, "webadmin.db-shm"):
        (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with contextlib.closing(sqlite3.connect(folder / "webadmin.db")) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert store.execute("SELECT change_id FROM log_head").fetchall() == store.execute("SELECT max(id) FROM change").fetchall()
        return acknowledged - {name for (name,) in store.execute("SELECT username FROM account")}


def losses(folder: Path, console: Console, writes: int, moments: int) -> tuple[list[int], dict[str, int]]:
    """How many acknowledged writes are lost after a cut at each of so many moments; and what was seen on the disk."""
    acknowledged: list[tuple[float, str]] = []
    with console:
        write(console, "first", 1, [])
        sure = {name: bytearray((console.folder / name).read_bytes()) for name in DATABASE}
        with recorded(console, folder / "record"):
            writers = [threading.Thread(target=write, args=(console, name, writes, acknowledged)) for name in ("a", "b")]
            for each in writers:
                each.start()
            for each in writers:
                each.join()
    found, disk, told = [], Disk(sure), [*events(folder / "record")]
    chosen = set(random.sample(range(len(told)), min(moments, len(told))))
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else folder) as there:
        for number, event in enumerate(told):
            if number in chosen:
                before = {name for at, name in acknowledged if at < event.at}
                found += [len(lost(Path(there), disk.after_a_cut(how), before)) for how in ("nothing more", "everything", "pieces")]
            disk.take(event)
    kinds = [f"{each.file} {'write' if each.data else 'cut' if each.length is not None else 'sync'}" for each in told]
    return found, {kind: kinds.count(kind) for kind in sorted(set(kinds))}


needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="strace records what is asked of the disk, and is not installed")


@needs_strace
def test_nothing_acknowledged_is_lost_when_the_power_fails(tmp_path: Path) -> None:
    found, seen = losses(tmp_path, Console(tmp_path / "data"), times(8, 200), times(20, 10_000))
    print(f"R2: {len(found)} disks after a power cut, {sum(found)} acknowledged writes lost; the server asked {seen}")
    assert len(found) >= 60 and not any(found)


@needs_strace
def test_the_drill_would_find_a_server_that_does_not_wait_for_its_disk(tmp_path: Path) -> None:
    console = Console(tmp_path / "data")
    console.words = [sys.executable, "-c", LAZY]
    found, seen = losses(tmp_path, console, times(4, 50), times(10, 200))
    print(f"R2, synchronous=NORMAL: {sum(map(bool, found))} of {len(found)} disks lost acknowledged writes, up to {max(found)}; {seen}")
    assert any(found)
