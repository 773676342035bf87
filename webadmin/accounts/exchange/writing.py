"""Accounts as a file, streamed in the order of their numbers: a page of rows a read, so that no read holds writers or the log file up."""
from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from webadmin.accounts import changes
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.exchange.columns import EXPORTED, ROLE_NAMES, SECRETS, TEXTS, harmless, moment
from webadmin.accounts.exchange.reading import Line
from webadmin.accounts.models import Account
from webadmin.store import database, dialect
from webadmin.store.prepared import Prepared, slot

PAGE = 100      # rows: so few are read as fast as more, and the first bytes go out sooner
FORMATS = ("csv", "jsonl")
NOTES = ("rejected_line", "rejected_because")
MOMENTS = {name for name in EXPORTED if name.endswith("_at")}
UNWRITABLE = re.compile("[\ud800-\udc7f]")      # halves of a character, as JSON can say them; what was no UTF-8 goes out as it came in
SWITCHES = {"active", "is_chirpy_red", "must_change_password"}

_encode = json.JSONEncoder(ensure_ascii=False).encode


def _page(secret: bool) -> Prepared:
    columns = [Account.id, *(getattr(Account, name) for name in (EXPORTED + SECRETS if secret else EXPORTED))]
    return Prepared(lambda: Account.select(*columns).where(Account.id > slot(0)).order_by(Account.id).limit(PAGE))


PAGES = {secret: _page(secret) for secret in (False, True)}


def written(form: str, *, with_hashes: bool, by: Actor) -> Iterator[str]:
    """The whole export in pieces, `form` csv or jsonl; needs a connection while it runs. Raises NotAllowed.

    The log tells of it before the first account leaves. Accounts that are made or changed meanwhile may be in it or not; each is whole.
    """
    by.must_be_administrator()
    columns = EXPORTED + SECRETS if with_hashes else EXPORTED
    reason = f"{form}, with password hashes" if with_hashes else form
    with dialect.reading_through(), database.transaction():
        changes.record(Kind.EXPORTED, by=by, accounts=Account.select().count(), reason=reason)
    return _csv(columns, with_hashes) if form == "csv" else _json_lines(columns, with_hashes)


def _pages(with_hashes: bool) -> Iterator[list[tuple[Any, ...]]]:
    last = 0
    with dialect.reading_through():
        while rows := PAGES[with_hashes].tuples(last):
            yield rows
            last = rows[-1][0]


def _csv(columns: Sequence[str], with_hashes: bool) -> Iterator[str]:
    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(columns)
    writers = [_as_cell(name) for name in columns]
    for rows in _pages(with_hashes):
        writer.writerows([write(value) for write, value in zip(writers, row[1:], strict=True)] for row in rows)
        yield page.getvalue()
        page.seek(0)
        page.truncate()
    yield page.getvalue()


def _json_lines(columns: Sequence[str], with_hashes: bool) -> Iterator[str]:
    writers = [(name, _as_json(name)) for name in columns]
    for rows in _pages(with_hashes):
        yield "".join(_encode({name: write(value) for (name, write), value in zip(writers, row[1:], strict=True)}) + "\n" for row in rows)


def _as_cell(name: str) -> Callable[[Any], str]:
    if name in TEXTS:
        return lambda text: harmless(text) if text else ""
    if name in MOMENTS:
        return moment
    if name == "role":
        return lambda role: ROLE_NAMES[role]
    return (lambda on: "yes" if on else "no") if name in SWITCHES else lambda text: text or ""


def _as_json(name: str) -> Callable[[Any], Any]:
    if name in MOMENTS:
        return lambda milliseconds: moment(milliseconds) or None
    if name == "role":
        return lambda role: ROLE_NAMES[role]
    return bool if name in SWITCHES else lambda text: text


@contextmanager
def private(path: str) -> Iterator[TextIO]:
    """A file that only its owner can read, under its name only when it is whole; `-` is the standard output.

    A link leads to the file that it names; what is no file, such as a pipe, is written to as it is.
    """
    if path == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
        return
    path = os.path.realpath(path)
    draft = Path(path).with_name(f".{Path(path).name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


class Rejected:
    """The file of the lines that did not go in: with line and reason in front, fit to be mended and imported again."""

    def __init__(self, file: TextIO, columns: Sequence[str]):
        self.columns = list(columns)
        self.writer = csv.writer(file)
        self.writer.writerow((*NOTES, *self._without_notes(self.columns)))

    def add(self, line: Line, reason: str) -> None:
        if len(line.cells) == len(self.columns):
            cells = self._without_notes([_kept(name, cell) for name, cell in zip(self.columns, line.cells, strict=True)])
        else:
            cells = [_kept("", cell) for cell in line.cells]
        self.writer.writerow((line.number, *(UNWRITABLE.sub("\ufffd", each) for each in (reason, *cells))))

    def _without_notes(self, cells: list[str]) -> list[str]:
        return [cell for name, cell in zip(self.columns, cells, strict=True) if name not in NOTES]


def _kept(name: str, cell: str) -> str:
    """As it came, but for what a spreadsheet would run; a password is never touched."""
    return cell if name == "password" or cell.startswith("'") else harmless(cell)
