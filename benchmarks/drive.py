"""wrk, and what it says: targets driven in turns, medians kept."""
from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

# wrk tells its findings to this function in its own process
REPORT = """
function done(summary, latency, requests)
  local wrong = summary.errors
  io.write(string.format('\\nREPORT {"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "refused": %d, "broken": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000, wrong.status,
    wrong.connect + wrong.read + wrong.write + wrong.timeout))
end
"""


class Unusable(Exception):
    """A candidate gives something else than what is measured; one sentence."""


@dataclass(frozen=True)
class Target:
    """One request to one server (`pid` is its first process), and what its answer must hold."""

    pid: int
    port: int
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    expected: int = 200
    holds: str = ""

    def check(self) -> None:
        """Raises Unusable: a wrong answer is often a quick one."""
        status, text = self.ask()
        if status != self.expected or self.holds not in text:
            raise Unusable(f"{self.path} answered {status}: {text[:200]!r}")

    def ask(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST" if self.body else "GET", self.path, self.body or None, self.headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@dataclass(frozen=True)
class Reading:
    """Requests a second; milliseconds of the middle request, of the slowest hundredth, and of processor time that one took the server."""

    rate: float
    p50: float
    p99: float
    cpu: float

    def beside(self, other: Reading) -> str:
        return f"{self.rate:.0f} / {other.rate:.0f} a second; {self.cpu:.2f} / {other.cpu:.2f} ms of processor"


def one(target: Target, seconds: float, connections: int = 8) -> Reading:
    script = _script(target)
    words = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "--latency", "-s", str(script)]
    headers = [word for name, value in target.headers.items() for word in ("-H", f"{name}: {value}")]
    address = f"http://127.0.0.1:{target.port}{target.path}"
    before = worked(target.pid)
    said = subprocess.run([*words, *headers, address], capture_output=True, text=True, check=True)
    cpu = worked(target.pid) - before
    found = json.loads(said.stdout.partition("REPORT ")[2])
    if found["refused"] or found["broken"] or not found["requests"]:
        raise Unusable(f"{target.path}: {found}")
    return Reading(found["requests"] / found["seconds"], found["p50"], found["p99"], cpu / found["requests"])


def race(targets: dict[str, Target], *, seconds: float, rounds: int, connections: int = 8) -> dict[str, Reading]:
    """All targets in turns, `rounds` times over; the median of each."""
    for target in targets.values():
        target.check()
        one(target, 1, connections)      # caches, prepared statements, threads
    readings: dict[str, list[Reading]] = {name: [] for name in targets}
    for _ in range(rounds):
        for name, target in targets.items():
            readings[name].append(one(target, seconds, connections))
    return {name: middle(each) for name, each in readings.items()}


def middle(readings: list[Reading]) -> Reading:
    return Reading(*(median(getattr(each, name) for each in readings) for name in ("rate", "p50", "p99", "cpu")))


def worked(pid: int) -> float:
    """Milliseconds of processor time that a server's processes have used: all of the session that its first process leads."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12]) if int(fields[3]) == pid else 0
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def folder(path: Path) -> None:
    """Where the scripts for wrk are kept."""
    global _folder
    _folder = path


_folder = Path()


def _script(target: Target) -> Path:
    script = _folder / "report.lua"
    if target.body:
        script = _folder / "post.lua"
        script.write_text(f"wrk.method = 'POST'\nwrk.body = {json.dumps(target.body)}\n{REPORT}")
    else:
        script.write_text(REPORT)
    return script
