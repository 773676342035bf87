"""Compiled templates are kept beside them: nothing that stands there, or cannot stand there, breaks a page."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from webadmin import look


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(look, "TEMPLATES", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "__pycache__"


def drawn(source: str = "one {{ 1 + 1 }}") -> str:
    """As a process that has just started draws it."""
    return Environment(loader=DictLoader({"page": source}), bytecode_cache=look._Compiled(), autoescape=True).get_template("page").render()


def test_a_start_takes_what_an_earlier_one_compiled(compiled, monkeypatch):
    assert drawn() == "one 2" and len(list(compiled.iterdir())) == 1
    monkeypatch.setattr(Environment, "compile", lambda *given: pytest.fail("compiled again"))
    assert drawn() == "one 2"


def test_a_changed_template_is_compiled_anew(compiled):
    assert drawn() == "one 2" and drawn("two {{ 2 + 2 }}") == "two 4"


@pytest.mark.parametrize("keep", [0, 1, 12, 40, -1], ids=str)
def test_half_a_file_is_none(compiled, keep):
    drawn()
    [kept] = compiled.iterdir()
    kept.write_bytes(kept.read_bytes()[:keep])
    assert drawn() == "one 2" and len(kept.read_bytes()) > 40


def test_junk_is_none(compiled):
    drawn()
    [kept] = compiled.iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:20] + b"\xff" * len(whole))
    assert drawn() == "one 2"


def test_nothing_is_kept_where_nothing_can_or_may_be(compiled, monkeypatch):
    compiled.write_text("a file where the folder would be")
    assert drawn() == "one 2"
    compiled.unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert drawn() == "one 2" and not compiled.exists()
