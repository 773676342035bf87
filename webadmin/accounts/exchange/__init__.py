"""Import and export: how a million accounts get in and out. Both stream, so memory stays flat, and both stand in the log.

A line of an import names an account by its username. One that is not there is made; one that is there gets the values that the line
gives, but keeps its password, its object id and its times; empty cells say nothing. So the same file twice changes nothing, and after
an import that was stopped a second run completes it: each batch goes in as a whole, or not at all. Lines that break a rule are set
aside with their reason, the others go in.
"""
from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from webadmin.accounts import foreign_hashes, passwords
from webadmin.accounts.actors import Actor
from webadmin.accounts.errors import AccountError
from webadmin.accounts.exchange import applying, checking
from webadmin.accounts.exchange.applying import Memory, Outcome, Planned, Row
from webadmin.accounts.exchange.reading import FileRefused, Line, Lines
from webadmin.accounts.exchange.writing import FORMATS, Rejected, private, written
from webadmin.accounts.models import Account
from webadmin.store import bulk, database

BATCH = 2_000                 # lines; others wait less than a second for one
BATCH_WITH_PASSWORDS = 100    # each of those is hashed first: nobody wants to lose more of that

__all__ = ["FORMATS", "FileRefused", "Import", "Outcome", "Rejected", "private", "seconds_a_password", "written"]


class Import:
    """One import of an open binary file. Raises FileRefused where its columns cannot be used, and NotAllowed."""

    def __init__(self, file: BinaryIO, *, by: Actor, dry_run: bool = False, name: str = "a file"):
        by.must_be_administrator()
        self.by, self.dry_run, self.name = by, dry_run, name
        self.lines = Lines(file)
        self.has_passwords = "password" in self.lines.named
        self.checker = checking.Checker(self.lines.columns)
        self.schemes: set[str] = set()      # of the password hashes so far

    def __iter__(self) -> Iterator[Outcome]:
        """Works batch by batch, and tells after each what became of its lines. Never inside a transaction."""
        lines = iter(self.lines)
        with database.connection():
            self.memory, self.planned = Memory(), Planned()
            while some := list(islice(lines, BATCH_WITH_PASSWORDS if self.has_passwords else BATCH)):
                yield self._work(some)

    def unusable(self) -> list[str]:
        """The schemes of the hashes so far that open nothing until a package is installed."""
        return sorted(scheme for scheme in self.schemes if not foreign_hashes.can_be_checked(scheme))

    def _work(self, lines: list[Line]) -> Outcome:
        refused = Outcome()
        checked = list(self._checked(lines, refused))
        _hash_passwords(checked, self.dry_run)
        if not checked:
            return refused
        if self.dry_run:
            outcome = applying.plan(checked, self.memory, self.planned)
        else:
            reason = f"{self.name}, lines {lines[0].number} to {lines[-1].number}"
            outcome = applying.apply(checked, self.memory, by=self.by, reason=reason)
        outcome.rejected = sorted(refused.rejected + outcome.rejected, key=lambda each: each[0].number)
        return outcome

    def _checked(self, lines: list[Line], refused: Outcome) -> Iterator[Row]:
        for line in lines:
            if line.wrong:
                refused.rejected.append((line, line.wrong))
                continue
            try:
                given = self.checker.given(line.cells)
                checking.complete(given)
                if "password_hash" in given:
                    self.schemes.add(given["password_hash"][1])
                yield Row(line, given)
            except AccountError as wrong:
                refused.reject(line, wrong)


def seconds_a_password() -> float:
    """How long the hashing of one plain password takes on this machine, measured by hashing one."""
    begun = time.perf_counter()
    passwords.hash_new("how long does this take")
    return time.perf_counter() - begun


def _hash_passwords(rows: list[Row], dry_run: bool) -> None:
    """Only of accounts that will be made, and before the transaction. Who wrote the file knows them: people choose another at sign-in."""
    plain = [row for row in rows if "password" in row.given]
    keys = [checking.key(row.given["username"]) for row in plain]
    there = {found[0] for found in bulk.find((Account.username_key,), Account.username_key, keys)}
    for row, key in zip(plain, keys, strict=True):
        password = row.given.pop("password")
        if key not in there:
            row.given.setdefault("must_change_password", True)
            if not dry_run:
                row.given["password_hash"] = passwords.hash_new(password)
