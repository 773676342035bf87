"""Tools that read the code and the list of packages: bandit, semgrep, pip-audit, and the bill of materials."""
from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.audit.installed import CACHE, CouldNotLook, from_pypi, last_line, run
from tests.drills.console import ROOT

BANDIT, SEMGREP, PIP_AUDIT, CYCLONEDX = "bandit==1.9.4", "semgrep==1.182.0", "pip-audit==2.10.1", "cyclonedx-bom==7.5.0"
RULES = ROOT / "tests/audit/rules"
LOCK = ROOT / "requirements.lock"
FULL_OF_HOLES = "jinja2==2.10"      # whoever finds nothing in this has not looked
SERVICES = ("pypi", "osv")
# why each of these stays: docs/security.md
JUDGED = {
    ("webadmin/settings.py", "B102"), ("webadmin/settings.py", "B104"), ("webadmin/store/bulk.py", "B608"), ("webadmin/look.py", "B704"),
    ("webadmin/pages/forms.py", "B704"),
    ("webadmin/accounts/copying.py", "digests-compared-by-equals"),
    ("webadmin/accounts/search.py", "sql-from-text"), ("webadmin/security.py", "redirect-to-what-came"),
    ("webadmin/store/database.py", "guessable-randomness"), ("static/js/columns.js", "script-keeps-a-secret"),
    ("static/js/keys.js", "script-keeps-a-secret"),
}


def bandit() -> list[str]:
    done = run(from_pypi(BANDIT, "bandit"), "-q", "-ll", "-f", "json", "-r", "webadmin", "run.py")
    told = _json(done.stdout, done)
    return [*(f"could not read {each['filename']}: {each['reason']}" for each in told["errors"]),
            *_unjudged((each["filename"], each["test_id"], each["line_number"], each["issue_text"]) for each in told["results"])]


def semgrep() -> list[str]:
    """Our own rules. Each is tried first on what it must find and must leave alone: rules/code.py and its neighbours."""
    command = from_pypi(SEMGREP, "semgrep")
    offline = {"SEMGREP_SEND_METRICS": "off", "SEMGREP_ENABLE_VERSION_CHECK": "0", "SEMGREP_VERSION_CHECK_CACHE_PATH": os.devnull}
    tried = run(command, "--test", "--metrics", "off", str(RULES), environment=offline)
    if tried.returncode or "All tests passed" not in tried.stdout + tried.stderr:
        raise CouldNotLook("a rule does not find what it must:\n" + tried.stdout[-2000:])
    done = run(command, "scan", "--quiet", "--metrics", "off", "--disable-version-check", "--strict", "--no-git-ignore", "--project-root", ".", "--json",
               "--config", str(RULES), "webadmin", "run.py", "templates", "static", environment=offline)
    told = _json(done.stdout, done)
    if unread := {path.relative_to(ROOT).as_posix() for path in (ROOT / "webadmin").rglob("*.py")} - set(told["paths"]["scanned"]):
        raise CouldNotLook(f"it did not read {', '.join(sorted(unread)[:5])}")
    return [*(f"could not read: {each.get('message', each)}" for each in told["errors"]),
            *_unjudged((each["path"], each["check_id"].rpartition(".")[2], each["start"]["line"], each["extra"]["message"])
                       for each in told["results"])]


def pip_audit() -> list[str]:
    """Known holes of the pinned packages. A service that knows none of a package full of them was not reached, whatever it says."""
    command, reasons = from_pypi(PIP_AUDIT, "pip-audit"), []
    for service in SERVICES:
        try:
            with tempfile.TemporaryDirectory() as place:
                (known := Path(place) / "known.txt").write_text(FULL_OF_HOLES)
                if not _holes(command, service, "--no-deps", "-r", str(known)):
                    raise CouldNotLook(f"it knows no hole of {FULL_OF_HOLES}")
            return _holes(command, service, "--require-hashes", "-r", str(LOCK))
        except CouldNotLook as reason:
            reasons.append(f"{service}: {reason}")
    raise CouldNotLook("; ".join(reasons))


def sbom() -> list[str]:
    """The bill of materials (CycloneDX) of what requirements.lock pins, into the folder SBOM or beside the tools."""
    target = Path(os.environ.get("SBOM") or CACHE) / "webadmin.cdx.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    done = run(from_pypi(CYCLONEDX, "cyclonedx-py"), "requirements", str(LOCK), "--output-reproducible", "-o", str(target))
    if done.returncode:
        raise CouldNotLook(last_line(done))
    named = {f"{each['name']}=={each['version']}".lower() for each in json.loads(target.read_text())["components"]}
    pinned = {re.sub(r"\[.*\]", "", line.split()[0]).lower() for line in LOCK.read_text().splitlines() if re.match(r"[A-Za-z0-9]", line)}
    print(f"sbom: {len(named)} packages, {target}")
    return [f"not in the bill of materials: {each}" for each in sorted(pinned - named)]


def _holes(command: str, service: str, *words: str) -> list[str]:
    done = run(command, "--strict", "--disable-pip", "--progress-spinner", "off", "-s", service, "-f", "json", *words)
    if not done.stdout.strip():      # with an answer it prints JSON, whether it found something or not
        raise CouldNotLook(last_line(done)[:200])
    packages = _json(done.stdout, done)["dependencies"]
    if skipped := [each["name"] for each in packages if "skip_reason" in each]:
        raise CouldNotLook(f"nothing is known of {', '.join(skipped[:5])}")
    return [f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
            for each in packages for hole in each["vulns"]]


def _unjudged(found: Iterator[tuple[str, str, int, str]]) -> list[str]:
    return [f"{path}:{line} {rule}: {words}" for path, rule, line, words in found if (path.removeprefix("./"), rule) not in JUDGED]


def _json(text: str, done: Any) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise CouldNotLook(last_line(done)[:300]) from None
