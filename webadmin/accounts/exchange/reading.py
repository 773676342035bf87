"""A file of accounts, line by line: CSV (RFC 4180) or JSON lines, UTF-8. What is wrong with one line is told with that line."""
from __future__ import annotations

import csv
import io
import json
from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from webadmin.accounts.errors import AccountError
from webadmin.accounts.exchange.columns import READERS, TEXTS, harmless


class FileRefused(AccountError):
    """Nothing of the file can be imported."""


class Line(NamedTuple):
    """`cells` are as in a CSV file, in the order of the file's columns; `wrong` is a sentence where they cannot be read."""

    number: int
    cells: list[str]
    wrong: str = ""


class Lines:
    """The lines of an open binary file, read as they are asked for. Raises FileRefused for a file without usable columns."""

    def __init__(self, file: BinaryIO):
        self.file = file
        # what is no UTF-8 becomes letters that no rule accepts, and only its line is refused
        self.text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        first = self.text.readline()
        self.is_json = first.lstrip().startswith("{")
        self.named = _known(list(_keys(first)) if self.is_json else _header(first))
        self.columns = list(READERS) if self.is_json else self.named      # a later JSON line may name more than the first
        self.first = first

    def __iter__(self) -> Iterator[Line]:
        return self._json() if self.is_json else self._csv()

    def position(self) -> int:
        """How many bytes have been read."""
        return self.file.tell()

    def _csv(self) -> Iterator[Line]:
        """A quote that nobody closes takes in line after line; only the one that it stands in is refused, and the next is read anew."""
        texts, width = _Texts(self.text), len(self.columns)
        reader = csv.reader(texts, delimiter=_delimiter(self.first), strict=True)
        while True:
            texts.taken.clear()
            number, wrong, cells = texts.number + 1, "", list[str]()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                wrong = f"This cannot be read as CSV: {error}."
            if not wrong and cells and len(cells) != width:
                wrong = f"This line has {len(cells)} cells, the first has {width}."
            if wrong and (len(texts.taken) > 1 or not cells):
                cells = [texts.all_but_first_again()]
            if cells:
                yield Line(number, cells, wrong)

    def _json(self) -> Iterator[Line]:
        for number, text in enumerate(chain([self.first], self.text), 1):
            if not text.strip():
                continue
            try:
                row = _object(text)
                unknown = [name for name in row if name not in READERS]
                yield Line(number, [_cell(name, row.get(name)) for name in self.columns], _unknown(unknown) if unknown else "")
            except ValueError as wrong:
                yield Line(number, [text.rstrip("\r\n")], str(wrong))


class _Texts:
    """The lines of the text after its first, `number` being that of the last one taken; what was taken can be read again."""

    def __init__(self, text: io.TextIOWrapper):
        self.text, self.number = text, 1
        self.taken: list[str] = []
        self.again: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.again.popleft() if self.again else next(self.text)
        self.taken.append(line)
        self.number += 1
        return line

    def all_but_first_again(self) -> str:
        """The first that was taken, without its end; the others are to come once more."""
        first, *others = self.taken
        self.again.extendleft(reversed(others))
        self.number -= len(others)
        return first.rstrip("\r\n")


def _header(first: str) -> list[str]:
    try:
        return next(csv.reader([first], delimiter=_delimiter(first), strict=True), [])
    except csv.Error:
        return [first]


def _delimiter(first: str) -> str:
    """Spreadsheets of many countries write semicolons, or tabs."""
    return next((each for each in ",;\t" if each in first), ",")


def _keys(first: str) -> dict[str, Any]:
    try:
        return _object(first)
    except ValueError as wrong:
        raise FileRefused(f"The first line: {wrong}") from None


def _known(header: list[str]) -> list[str]:
    """The columns' names as we write them. Raises FileRefused."""
    found = [name.strip().lower() for name in header]
    unknown = [given for given, name in zip(header, found, strict=True) if name not in READERS]
    if unknown:
        raise FileRefused(_unknown(unknown))
    if len(set(found)) < len(found):
        raise FileRefused("A column is there twice.")
    if not {"username", "email"} & set(found):
        raise FileRefused("The first line must name the columns, username or email among them.")
    return found


def _unknown(given: list[str]) -> str:
    seen = ", ".join(name[:40] if name.isprintable() else ascii(name[:40]) for name in given[:20])
    return f"Unknown columns: {seen or 'none is named'}. Known are {', '.join(list(READERS)[:-2])}."


def _object(text: str) -> dict[str, Any]:
    """Raises ValueError with a sentence."""
    try:
        row = json.loads(text, object_pairs_hook=_each_once)
    except _Twice as twice:
        raise ValueError(f"{str(twice)[:40]!a} is there twice.") from None
    except (ValueError, RecursionError):
        raise ValueError("This line is no JSON object.") from None
    if not isinstance(row, dict):
        raise ValueError("This line is no JSON object.")
    return row


class _Twice(Exception):
    pass


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _cell(name: str, value: Any) -> str:
    if isinstance(value, str):
        return harmless(value) if name in TEXTS else value
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 63 else "too large"
    if name == "orgs":
        return json.dumps(value)
    raise ValueError(f"{name}: this must be a text, a number, true, false or null.")
