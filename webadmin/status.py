"""What the console says of itself: what administrators should know on every page, and how this server stands on /settings."""
from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from webadmin import backups, counters, keeper
from webadmin.accounts import keys, policies, verification
from webadmin.accounts.models import Job
from webadmin.accounts.policies import Policies
from webadmin.settings import VERSION, Settings
from webadmin.store import condition, database
from webadmin.store.database import DAY_MS

IN_THE_CLEAR = ("The network can read every password: this server is reached without https, and no proxy is declared "
                "(WEBADMIN_URL, WEBADMIN_PROXIES).")
NOT_WRITABLE = "The database cannot be written just now. Reading works; nothing can be saved until this is mended."
TESTING = "Testing mode is on (WEBADMIN_TESTING): passwords are kept badly. Never use this for real accounts."


def warnings(settings: Settings) -> list[str]:
    """For every page of an administrator: asks the memory, and the file system where the store is a file."""
    found = ((settings.in_the_clear, IN_THE_CLEAR), (not database.can_write(), NOT_WRITABLE), (settings.testing, TESTING))
    return [sentence for so, sentence in found if so]


@dataclass(frozen=True)
class Backups:
    """Those that are there, and how the clock made the last one. `job` is None where it never has."""

    files: list[backups.Kept]
    job: Job | None
    folder: str

    @property
    def due_at(self) -> int:
        """0: none is due."""
        return self.job.due_at if self.job and policies.now().backup_hours else 0

    def sentences(self, rules: Policies) -> dict[str, str]:
        """What the policies about backups do today."""
        limit = database.now() - rules.backup_days * DAY_MS
        old = sum(each.made_at < limit for each in self.files if each.name.startswith(backups.SCHEDULED))
        size = sum(each.bytes for each in self.files) / 1_000_000
        there = f"{len(self.files):,} backup{'s' if len(self.files) != 1 else ''}"
        return {"backup_hours": f"{there} there, {size:,.1f} MB in all.", "backup_days": f"{old:,} of {there} would go with the next."}


def backups_of(settings: Settings) -> Backups | None:
    """None for engines that are backed up by tools of their own."""
    if not backups.are_made_here():
        return None
    return Backups(backups.kept(settings.backups), keeper.last("backup"), str(settings.backups))


def server(settings: Settings) -> dict[str, Any]:
    """The facts of the part "This server"."""
    return {"facts": list(_facts(settings)), "engine": condition.facts(), "verified": verification.last(), "head_text": verification.head()}


def _facts(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "Version", f"webadmin {VERSION}, Python {sys.version.split()[0]}"
    yield "Database", ", ".join(_database())
    yield "Data folder", f"{settings.data}, {shutil.disk_usage(settings.data).free // 1_000_000:,} MB free"
    yield "Keys", f"{', '.join(keys.NAMES)}: in {settings.keys}, those that this store was written with"
    yield "Address", f"{settings.address}, {'by https' if settings.secure else 'without https'}"
    yield "Listens on", f"{settings.host}, port {settings.port}, {settings.proxies or 'no'} declared proxies in front"
    yield "Processes", f"{len(list(counters.each('pid')))} on this machine, {settings.threads} threads each"


def _database() -> Iterator[str]:
    yield condition.version()
    size = condition.size()
    if size is not None:
        yield str(database.sqlite_path())
        yield f"{size / 1_000_000:,.1f} MB"
