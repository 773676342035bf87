"""docs/security.md names tests: each of them is there."""
from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "security.md"


def test_every_test_that_the_page_names_exists():
    named = re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", PAGE.read_text())
    assert len(named) > 150
    assert not [f"{file}::{name}" for file, name in named if f"def {name}(" not in (TESTS / file).read_text()]


def test_every_row_says_whether_it_holds():
    rows = [line.split(" | ") for line in PAGE.read_text().splitlines() if re.match(r"\| [A-Z]+\d+ ", line)]
    assert len(rows) > 140 and {row[2] for row in rows} == {"met", "part", "not yet"}
    counted = {word: [row[2] for row in rows].count(word) for word in ("met", "part", "not yet")}
    assert "Of {} rows {met} are met, {part} in part, {not yet} not yet.".format(len(rows), **counted) in PAGE.read_text()
