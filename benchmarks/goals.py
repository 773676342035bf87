"""The goals, and what a finding is: a ratio, or a number with its unit, against what must be and what is aimed at."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One line of the table. `least` says that more is better; `seen` are the measured numbers behind `got`, for people."""

    goal: int
    what: str
    got: float
    must: float
    aim: float
    least: bool = True
    unit: str = ""
    seen: str = ""

    @property
    def met(self) -> str:
        reached = [self.got >= bound if self.least else self.got <= bound for bound in (self.aim, self.must)]
        return "aim" if reached[0] else "must" if reached[1] else "no"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


def table(findings: list[Finding]) -> Iterator[str]:
    """The findings as a table of Markdown."""
    yield "| # | goal | must | aim | got | met | measured |"
    yield "|---|---|---|---|---|---|---|"
    for each in findings:
        than = "≥" if each.least else "≤"
        yield (f"| {each.goal} | {each.what} | {than} {_number(each.must)}{each.unit} | {than} {_number(each.aim)}{each.unit} | "
               f"{_number(each.got)}{each.unit} | {each.met} | {each.seen} |")


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
