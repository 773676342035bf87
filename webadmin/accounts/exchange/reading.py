"""A file of accounts, line by line: CSV (RFC 4180) or JSON lines, UTF-8. What is wrong with one line is told with that line."""
from __future__ import annotations

import csv
import io
import json
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
        reader = csv.reader(chain([self.first], self.text), delimiter=_delimiter(self.first), strict=True)
        next(reader)
        width = len(self.columns)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as wrong:
                yield Line(reader.line_num, [], f"This cannot be read as CSV: {wrong}.")
                continue
            if len(cells) == width:
                yield Line(reader.line_num, cells)
            elif cells:
                yield Line(reader.line_num, cells, f"This line has {len(cells)} cells, the first has {width}.")

    def _json(self) -> Iterator[Line]:
        for number, text in enumerate(chain([self.first], self.text), 1):
            if not text.strip():
                continue
            try:
                row = _object(text)
                unknown = [name for name in row if name not in READERS]
                yield Line(number, [_cell(name, row.get(name)) for name in self.columns], _unknown(unknown) if unknown else "")
            except ValueError as wrong:
                yield Line(number, [], str(wrong))


def _header(first: str) -> list[str]:
    try:
        return next(csv.reader([first], delimiter=_delimiter(first), strict=True), [])
    except csv.Error:
        return [first]


def _delimiter(first: str) -> str:
    """Spreadsheets of many countries write semicolons."""
    return ";" if ";" in first and "," not in first else ","


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
        row = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("This line is no JSON object.") from None
    if not isinstance(row, dict):
        raise ValueError("This line is no JSON object.")
    return row


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
