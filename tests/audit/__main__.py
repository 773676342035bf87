"""`make audit`: what tools find that no one here wrote. Each looks in an environment of its own; one that could not look is a failure."""
from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from html import unescape
from pathlib import Path

from tests.drills.console import ROOT, Client, Console, signed_in
from webadmin import security

TOOLS = ROOT / ".venv" / "audit"
FROM_PYPI = ("bandit==1.9.4", "pip-audit==2.10.1")
FROM_NPM = ("csp_evaluator@1.1.8", "vnu-jar@26.9.27")
EVALUATE = """
const {CspEvaluator} = require('csp_evaluator/dist/evaluator.js'), {CspParser} = require('csp_evaluator/dist/parser.js');
const found = new CspEvaluator(new CspParser(process.argv[1]).csp).evaluate().filter(each => each.severity <= 40);
for (const each of found) console.log(each.directive, each.value || '', each.description);
process.exit(found.length ? 1 : 0);
"""
MOST_PAGES = 60
JUDGED = {("webadmin/settings.py", "B102"), ("webadmin/settings.py", "B104"), ("webadmin/store/bulk.py", "B608"),      # why: docs/security.md
          ("webadmin/look.py", "B704"), ("webadmin/pages/forms.py", "B704")}


def main() -> int:
    TOOLS.mkdir(parents=True, exist_ok=True)
    checks: dict[str, Callable[[], str]] = {"bandit": bandit, "pip-audit": pip_audit, "csp_evaluator": csp, "W3C HTML checker": html,
                                            "schemathesis": schemathesis}
    failed = 0
    for name, check in checks.items():
        found = _looked(check)
        failed += bool(found)
        print(f"{name}: {found or 'nothing found'}", flush=True)
    return 1 if failed else 0


def _looked(check: Callable[[], str]) -> str:
    try:
        return check()
    except (OSError, subprocess.SubprocessError, AssertionError) as wrong:
        return f"COULD NOT LOOK: {wrong}"


def bandit() -> str:
    form = ("-f", "custom", "--msg-template", "{relpath} {test_id} {line}: {msg}")
    found = _said(_python_tool("bandit"), "-q", "-ll", "-r", "webadmin", "run.py", *form)
    return "\n".join(line for line in found.splitlines() if tuple(line.split()[:2]) not in JUDGED)


def pip_audit() -> str:
    """--strict: what could not be looked up counts as found."""
    return _said(_python_tool("pip-audit"), "--strict", "--disable-pip", "--require-hashes", "-r", "requirements.lock")


def csp() -> str:
    return _said("node", "-e", EVALUATE, security.POLICY, folder=_npm())


def html() -> str:
    """Every page that a crawl from the first one finds, as an administrator sees it."""
    with tempfile.TemporaryDirectory() as place:
        for number, page in enumerate(_pages(Path(place) / "data")):
            (Path(place) / f"{number}.html").write_bytes(page)
        jar = _npm() / "node_modules/vnu-jar/build/dist/vnu.jar"
        return _said("java", "-jar", str(jar), "--errors-only", *map(str, sorted(Path(place).glob("*.html"))))


def schemathesis() -> str:
    return _said(sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "tests/api/test_schemathesis.py")


def _pages(folder: Path) -> list[bytes]:
    with Console(folder) as console, contextlib.closing(Client(console.port)) as client:
        cookie, waiting = signed_in(client), ["/users", "/login"]
        found: list[bytes] = []
        known = set(waiting)
        while waiting and len(found) < MOST_PAGES:
            status, page = client.send("GET", waiting.pop(0), **cookie)
            if status != 200 or not client.headers["Content-Type"].startswith("text/html"):
                continue
            found.append(page)
            links = {unescape(link) for link in re.findall(r'href="(/[^"#]*)"', page.decode())}
            waiting += sorted(link for link in links - known if not link.startswith("/static"))
            known |= links
    assert len(found) > 5, "too few pages were found"
    return found


def _python_tool(name: str) -> str:
    if not (TOOLS / "bin" / name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(TOOLS)], check=True)
        subprocess.run([str(TOOLS / "bin/python"), "-m", "pip", "install", "--quiet", *FROM_PYPI], check=True)
    return str(TOOLS / "bin" / name)


def _npm() -> Path:
    if not (TOOLS / "node_modules" / "vnu-jar").exists():
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(TOOLS), *FROM_NPM], check=True,
                       capture_output=True)
    return TOOLS


def _said(*words: str, folder: Path = ROOT) -> str:
    """What a tool found; empty where it found nothing."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip() or f"it ended with {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
