"""Tools that attack a running console: wapiti, sqlmap, schemathesis. The console is thrown away, and nothing leaves this machine."""
from __future__ import annotations

import json
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.audit.installed import CouldNotLook, from_pypi, last_line, run
from tests.audit.target import Target, target
from tests.drills.console import BASIC, NAME, PASSWORD

WAPITI, SQLMAP = "wapiti3==3.2.3", "sqlmap==1.10.10"
# not ssrf, xxe, log4shell: they ask a server outside whether they got through
MODULES = "xss,permanentxss,sql,file,csp,cookieflags,http_headers,csrf,redirect,crlf,htaccess,methods,backup,upload"
CRAWL_SECONDS, ATTACK_SECONDS = 60, 60      # for the crawl, and for each module
STARTS = ("users", "users/new", "users/2", "users/3/edit", "users/4/delete", "activity", "me", "password", "scripts", "login?next=/me",
          "users?q=a&sort=username&order=desc&state=active", "activity?q=a&kind=updated&since=2026-01-01")
# it would sign itself out, or change the account that it works with
LEFT_OUT = ("logout", "me/sessions/*", "users/1/*", "password", "static/*")
THROTTLED = "name"      # of the sign-in: from the sixty-first failure on the answer changes, which looks like an injection
JUDGED = {"Secure flag is not set in the cookie : webadmin_form"}      # on plain http of this machine alone: docs/security.md, CK1
NOTHING = "all tested parameters do not appear to be injectable"
IGNORED = "400,401,403,404,409,413,414,415,422,429"


def wapiti() -> list[str]:
    """As an administrator, then as nobody."""
    command = from_pypi(WAPITI, "wapiti")
    with target() as console:
        found = _wapiti(command, console, "administrator", ("-C", console.cookie))
        if not console.still_signed_in():
            raise CouldNotLook("it was signed out halfway")
        return [*found, *_wapiti(command, console, "nobody", ()), *console.trouble()]


def _wapiti(command: str, console: Target, who: str, cookie: tuple[str, ...]) -> list[str]:
    starts = [word for path in STARTS for word in ("-s", f"{console.address}/{path}")]
    left_out = [word for path in LEFT_OUT for word in ("-x", f"{console.address}/{path}")]
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        done = run(command, "-u", f"{console.address}/", "--scope", "folder", *cookie, *starts, *left_out, "-m", MODULES, "-d", "1",
                   "-S", "paranoid", "--skip", THROTTLED, "--max-links-per-page", "30", "--max-scan-time", str(CRAWL_SECONDS),
                   "--max-attack-time", str(ATTACK_SECONDS), "--flush-session", "--store-session", place, "--no-bugreport", "-f", "json", "-o", str(report), "-v", "1", seconds=1800)
        if not report.exists():
            raise CouldNotLook(last_line(done)[:300])
        told = json.loads(report.read_text())
    pages = told["infos"]["crawled_pages_nbr"]
    if pages < len(STARTS) - 4:
        raise CouldNotLook(f"it saw only {pages} pages as {who}")
    stopped = ", ".join(re.findall(r"reached for module (\w+)", done.stdout)) or "none"
    print(f"wapiti: {pages} addresses and forms as {who}; modules that the clock stopped: {stopped}")
    return [f"{who}: {kind}: {each['method']} {each['path']} {each['info']}" for part in ("vulnerabilities", "anomalies")
            for kind, some in told[part].items() for each in some if each["info"] not in JUDGED]


def sqlmap() -> list[str]:
    """Every word of an address and field of JSON that reaches a query, with credentials that may."""
    command = from_pypi(SQLMAP, "sqlmap")
    with target() as console:
        with ThreadPoolExecutor(2) as two:
            found = list(two.map(lambda words: _sqlmap(command, *words), _injections(console)))
        return [*(line for lines in found for line in lines), *console.trouble()]


def _injections(console: Target) -> list[tuple[str, ...]]:
    """Each is tried where it has a star, or at the parameters that -p names."""
    at = console.address
    cookie = ("--cookie", console.cookie)
    v1 = ("-H", f"Authorization: {console.token('/api/v1/login', login=NAME, password=PASSWORD)}")
    by_cookie = ("-H", f"Authorization: {console.token('/api/v1/user/login', name=NAME, password=PASSWORD)}")
    basic = ("-H", f"Authorization: {BASIC}")
    as_json = ("-H", "Content-Type: application/json")
    return [
        ("-u", f"{at}/users?q=a&state=active", "-p", "q,state", *cookie),
        ("-u", f"{at}/users?sort=username&order=asc", "-p", "sort,order", *cookie),
        ("-u", f"{at}/users?after=bob", "-p", "after", *cookie),
        ("-u", f"{at}/activity?q=a&kind=updated&account=2", "-p", "q,kind,account", *cookie),
        ("-u", f"{at}/activity?since=2026-01-01&after=5", "-p", "since,after", *cookie),
        ("-u", f"{at}/users/2*", *cookie),
        ("-u", f"{at}/api/v1/users/2*", *v1),
        ("-u", f"{at}/api/v2/users/bob*", *basic),
        ("-u", f"{at}/api/v2/users/bob/update", "--method", "PUT", "--data", '{"token":"a chosen token*"}', *as_json, *basic),
        ("-u", f"{at}/api/v1/user/?page=1&limit=5", "-p", "page", *by_cookie),
        ("-u", f"{at}/user?page=0", "-p", "page", *v1),
        ("-u", f"{at}/user?dry_run=1&fname=a", "--method", "PUT", "-p", "fname", *v1),
    ]


def _sqlmap(command: str, *words: str) -> list[str]:
    with tempfile.TemporaryDirectory() as place:
        done = run(command, *words, "--batch", "--level", "3", "--risk", "1", "--technique", "BE", "--flush-session", "--output-dir", place,
                   "--disable-coloring", "--threads", "2", "--ignore-code", IGNORED, "--answers", "merge=N", seconds=900)
    if NOTHING in done.stdout:
        return []
    if found := [line.strip() for line in done.stdout.splitlines() if re.search(r"Type: |Payload: |is vulnerable|injectable", line)]:
        return [f"{words[1]}: {line}" for line in found]
    raise CouldNotLook(f"{words[1]}: {last_line(done)[:300]}")


def schemathesis() -> list[str]:
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "tests/api/test_schemathesis.py", seconds=900)
    if done.returncode not in (0, 1) or " skipped" in done.stdout:
        raise CouldNotLook(last_line(done))
    return [] if done.returncode == 0 else [done.stdout[-4000:]]
