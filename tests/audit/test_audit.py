"""What `make audit` promises: a tool that could not look never passes, and every rule of ours has a sample that it must find."""
from __future__ import annotations

import re

import pytest

from tests.audit import __main__ as audit
from tests.audit import installed, sources
from tests.audit.installed import CouldNotLook

RULES = sorted(sources.RULES.glob("*.yml"))


def finds_nothing() -> list[str]:
    return []


def finds_something() -> list[str]:
    return ["webadmin/look.py:7 a hole"]


def cannot_look() -> list[str]:
    raise CouldNotLook("no network")


def test_what_found_nothing_passes_and_what_found_something_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main("", {"one": finds_nothing}) == 0
    assert audit.main("", {"one": finds_nothing, "two": finds_something}) == 1
    told = capsys.readouterr().out
    assert "two: webadmin/look.py:7 a hole" in told and re.search(r"^two +0  1 FOUND$", told, re.MULTILINE)


def test_a_tool_that_could_not_look_fails_and_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main("", {"one": finds_nothing, "two": cannot_look}) == 1
    assert re.search(r"^two +0  COULD NOT LOOK: no network$", capsys.readouterr().out, re.MULTILINE)


def test_only_the_chosen_tools_run_and_a_name_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main("one", {"one": finds_nothing, "two": cannot_look}) == 0
    assert audit.main("three", {"one": finds_nothing}) == 2
    assert "no tool called three" in capsys.readouterr().err


def test_a_program_that_is_missing_or_never_ends_could_not_look() -> None:
    with pytest.raises(CouldNotLook, match="this machine has no"):
        installed.found("a-program-that-there-is-not")
    with pytest.raises(CouldNotLook, match="not done after"):
        installed.run("sleep", "20", seconds=0.1)


@pytest.mark.parametrize("rules", RULES, ids=lambda path: path.stem)
def test_every_rule_has_a_sample_that_it_must_find_and_one_that_it_must_leave_alone(rules) -> None:
    names = set(re.findall(r"^  - id: ([a-z-]+)$", rules.read_text(), re.MULTILINE))
    [sample] = [path for path in rules.parent.glob(f"{rules.stem}.*") if path != rules]
    marks = re.findall(r"(ruleid|ok): ([a-z, -]+[a-z])", sample.read_text())
    found, left = ({name for mark, some in marks if mark == kind for name in some.split(", ")} for kind in ("ruleid", "ok"))
    assert len(names) > 2 and found == left == names


def test_what_was_judged_is_written_down() -> None:
    page = (sources.ROOT / "docs/security.md").read_text()
    assert not [f"{path} {rule}" for path, rule in sources.JUDGED if f"{path.removeprefix('webadmin/')}` {rule}" not in page]
