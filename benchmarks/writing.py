"""Goals 8 to 13: sign-ins, floods, import, export, start, and changes to everybody."""
from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median

from benchmarks import drive, servers
from benchmarks.candidates import OURS, Candidates
from benchmarks.drive import Reading, Target, Unusable
from benchmarks.goals import Finding
from benchmarks.reading import short

SIGN_IN_SECONDS = 8              # at least: there are some ten a second
SIGN_INS_AT_ONCE = 6
FLOOD_BEGINS_SECONDS = 1.5
STARTS = 5
EVERYBODY = "shelf IN (0, 1, 2, 3)"
DETAILS = ("INSERT INTO detail (change_id, account_id, before, after) "
           "SELECT 1000000, id, json_object({}), json_object({}) FROM account WHERE {}")
BARE_UPDATE = (DETAILS.format("'first_name', first_name", "'first_name', 'Robin'", EVERYBODY),
               f"UPDATE account SET first_name = 'Robin', version = version + 1, updated_at = 1 WHERE {EVERYBODY}")
BARE_DELETE = (DETAILS.format("", "'deleted_at', 1800000000000", EVERYBODY),
               "UPDATE account SET deleted_at = 1800000000000, deleted_by_change = 1000000, epoch = epoch + 1, version = version + 1, "
               f"updated_at = 1 WHERE {EVERYBODY}")


def sign_ins(on: Candidates) -> Iterator[Finding]:
    """8: the browser's sign-in, as many at once as one address may in one process, beside bcrypt and nothing else."""
    server = on.apart("signing-in")
    body, headers = servers.sign_in_form(server.port)
    target, seconds = Target(server.pid, server.port, "/login", headers, body, expected=303), max(SIGN_IN_SECONDS, on.seconds)
    target.check()
    ours, raw = [], []
    for _ in range(min(on.rounds, 3)):
        raw.append(float(_alone(on, "bcrypt", str(seconds)).stdout))
        ours.append(drive.one(target, seconds, SIGN_INS_AT_ONCE).rate)
    yield Finding(8, "sign-ins ÷ raw bcrypt on all cores", median(ours) / median(raw), 0.93, 0.955,
                  seen=f"{median(ours):.2f} / {median(raw):.2f} a second")


def floods(on: Candidates) -> Iterator[Finding]:
    """9: the list for one who is signed in, while others try wrong passwords."""
    server = on.apart("flooded")
    servers.sign_in(server)
    page = Target(server.pid, server.port, "/users", {"Cookie": server.cookie}, holds=OURS)
    for kind, named in (("many", "from ever new addresses"), ("one", "from one address")):
        idle, flooded = [], []
        for _ in range(on.rounds):
            idle.append(drive.one(page, on.seconds, 2))
            flooded.append(_flooded(server.port, page, kind, on.seconds))
        calm, busy = drive.middle(idle), drive.middle(flooded)
        yield Finding(9, f"list p99 in a flood {named} ÷ idle", busy.p99 / calm.p99, 2.5, 2, least=False,
                      seen=f"{busy.p99:.1f} / {calm.p99:.1f} ms")
        yield Finding(9, f"list in a flood {named} ÷ idle", busy.rate / calm.rate, 0.75, 0.9, seen=busy.beside(calm))


def imports(on: Candidates) -> Iterator[Finding]:
    """10: the import with hashes, through the rules and the log, beside Django's bare bulk_create from the same file."""
    size, ours, django = on.middle_size, [], []
    for _ in range(min(on.rounds, 2)):
        data, path = on.stores.folder / "imported", on.stores.folder / "imported.db"
        shutil.rmtree(data, ignore_errors=True)
        path.unlink(missing_ok=True)
        on.stores.prepare_django(path)
        ours.append(on.stores.import_into(data, size))
        django.append(on.stores.fill_django(path, size))
    took, bare = median(each["seconds"] for each in ours), median(each["seconds"] for each in django)
    peak, other = max(each["peak_mib"] for each in ours), max(each["peak_mib"] for each in django)
    yield Finding(10, f"import of {short(size)} ÷ bulk_create", took / bare, 1, 0.5, least=False, seen=f"{took:.2f} / {bare:.2f} s")
    yield Finding(10, "import, peak memory", peak, 80, 45, least=False, unit=" MiB", seen=f"{peak:.0f} / {other:.0f} MiB")
    if on.large > size:
        on.stores.product(on.large)
        most = on.stores.remembered(f"import-{on.large}")
        yield Finding(10, f"import, peak memory: {short(on.large)} ÷ {short(size)}", most["peak_mib"] / peak, 1.15, 1.05, least=False,
                      seen=f"{most['peak_mib']:.0f} / {peak:.0f} MiB; {most['seconds']:.0f} s")


def exports(on: Candidates) -> Iterator[Finding]:
    """11: the export to a pipe, from the call on."""
    size = on.middle_size
    found = []
    for _ in range(min(on.rounds, 5)):
        said = _alone(on, "export", environment=servers.product_settings(on.stores.product(size))).stderr
        found.append(json.loads(said.strip().splitlines()[-1]))
    first, growth, took = (median(each[name] for each in found) for name in ("first_byte_ms", "growth_mib", "seconds"))
    yield Finding(11, f"export of {short(size)}, first byte", first, 50, 20, least=False, unit=" ms", seen=f"{took:.2f} s in all")
    yield Finding(11, f"export of {short(size)}, growth", growth, 8, 3, least=False, unit=" MiB")


def starts(on: Candidates) -> Iterator[Finding]:
    """12: from nothing to the first page, and what each process keeps for itself after a second of work."""
    path, keys = on.stores.django(on.small)
    data = on.stores.copy(on.small, "started")
    ours: list[float] = []
    django: list[float] = []
    for _ in range(STARTS):
        peer = servers.django(on.stores.python("django"), path, keys["session"], keys["token"])
        for taken, server in ((ours, servers.product(on.stores.python("product"), data)), (django, peer)):
            taken.append(server.start())
            server.stop()
    yield Finding(12, "cold start ÷ Django's", median(ours) / median(django), 1, 0.65, least=False,
                  seen=f"{median(ours) * 1000:.0f} / {median(django) * 1000:.0f} ms")
    server, other = on.product(on.small), on.django(on.small)
    drive.one(on.list_of_ours(on.small), 1)
    drive.one(on.list_of_django(on.small), 1)
    own, theirs = max(server.own_memory()), max(other.own_memory())
    yield Finding(12, "memory of one's own per process", own, 60, 42, least=False, unit=" MiB", seen=f"{own:.0f} / {theirs:.0f} MiB")


def mass(on: Candidates) -> Iterator[Finding]:
    """13: changes to everybody by the mass contract, beside the bare statements with their rows of the log."""
    jobs: tuple[tuple[str, Callable[[Path], float], tuple[str, ...]], ...] = (
        ("update", lambda data: _by_contract(on, data, "PUT", "/user?fname=Robin"), BARE_UPDATE),
        ("delete", lambda data: _by_contract(on, data, "DELETE", "/user"), BARE_DELETE))
    for name, through, statements in jobs:
        ours, bare = [], []
        for _ in range(min(on.rounds, 2)):
            ours.append(through(on.stores.copy(on.middle_size, "changed")))
            bare.append(_by_sql(on.stores.copy(on.middle_size, "bare"), statements))
        yield Finding(13, f"{name} of {short(on.middle_size)} ÷ bare SQL", median(ours) / median(bare), 4, 2.5, least=False,
                      seen=f"{median(ours):.2f} / {median(bare):.2f} s")


def _by_contract(on: Candidates, data: Path, method: str, path: str) -> float:
    server = servers.product(on.stores.python("product"), data)
    server.start()
    try:
        servers.sign_in(server)
        begun = time.perf_counter()
        status, text, _ = servers.ask(server.port, method, path, Authorization=f"Bearer {server.token}")
        if status != 200:
            raise Unusable(f"{method} {path} answered {status}: {text[:200]}")
        return time.perf_counter() - begun
    finally:
        server.stop()


def _by_sql(data: Path, statements: tuple[str, ...]) -> float:
    with closing(sqlite3.connect(data / "webadmin.db", isolation_level=None)) as store:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = 1", "foreign_keys = 1", "temp_store = memory"):
            store.execute(f"PRAGMA {pragma}").fetchall()
        begun = time.perf_counter()
        store.execute("BEGIN IMMEDIATE")
        for statement in statements:
            store.execute(statement)
        store.execute("COMMIT")
        return time.perf_counter() - begun


def _flooded(port: int, page: Target, kind: str, seconds: float) -> Reading:
    words = [sys.executable, "-m", "benchmarks.flood", str(port), str(seconds + FLOOD_BEGINS_SECONDS + 0.5), kind]
    with subprocess.Popen(words, cwd=servers.ROOT, stdout=subprocess.DEVNULL) as flood:
        try:
            time.sleep(FLOOD_BEGINS_SECONDS)
            return drive.one(page, seconds, 2)
        finally:
            flood.terminate()


def _alone(on: Candidates, *words: str, environment: dict[str, str] = servers.PLAIN) -> subprocess.CompletedProcess[str]:
    command = [on.stores.python("product"), "-m", "benchmarks.alone", *words]
    return subprocess.run(command, cwd=servers.ROOT, env=environment, capture_output=True, text=True, check=True)
