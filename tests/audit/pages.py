"""Tools that judge pages: Google's csp_evaluator, the W3C's HTML checker, Lighthouse."""
from __future__ import annotations

import json
import tempfile
from pathlib import Path

from tests.audit.installed import CouldNotLook, found, from_npm, last_line, run
from tests.audit.target import Target, crawl, target
from webadmin import security
from webadmin.api import replies

CSP_EVALUATOR, VNU, LIGHTHOUSE = "csp_evaluator@1.1.8", "vnu-jar@26.9.27", "lighthouse@12.8.2"
CATEGORIES = ("accessibility", "best-practices")
EVALUATE = """
const {CspEvaluator} = require('csp_evaluator/dist/evaluator.js'), {CspParser} = require('csp_evaluator/dist/parser.js');
const found = new CspEvaluator(new CspParser(process.argv[1]).csp).evaluate().filter(each => each.severity <= 40);
for (const each of found) console.log(each.directive, each.value || '', each.description);
"""
WEAK = "script-src 'unsafe-inline'"      # which it must dislike


def csp_evaluator() -> list[str]:
    folder = from_npm(CSP_EVALUATOR)
    words = [run(found("node"), "-e", EVALUATE, policy, folder=folder) for policy in (WEAK, security.POLICY, replies.POLICY)]
    if not words[0].stdout or any(each.returncode for each in words):
        raise CouldNotLook(last_line(words[0]))
    return [line for each in words[1:] for line in each.stdout.splitlines()]


def html_checker() -> list[str]:
    java, jar = found("java"), from_npm(VNU) / "node_modules/vnu-jar/build/dist/vnu.jar"
    with target() as console, tempfile.TemporaryDirectory() as place:
        pages = crawl(console)
        for number, page in enumerate(pages.values()):
            (Path(place) / f"{number}.html").write_bytes(page)
        print(f"vnu: {len(pages)} pages")
        done = run(java, "-jar", str(jar), "--format", "json", *map(str, sorted(Path(place).glob("*.html"))))
    try:
        told = json.loads(done.stderr)["messages"]
    except ValueError:
        raise CouldNotLook(last_line(done)) from None
    names = list(pages)
    return [f"{names[int(Path(each['url']).stem)]}:{each.get('lastLine')} {each['message']}" for each in told if each["type"] == "error"]


def lighthouse() -> list[str]:
    command, chromium = from_npm(LIGHTHOUSE) / "node_modules/.bin/lighthouse", found("chromium")
    with target() as console:
        return [*_lighthouse(console, str(command), chromium, "/login", ""), *_lighthouse(console, str(command), chromium, "/users", console.cookie)]


def _lighthouse(console: Target, command: str, chromium: str, page: str, cookie: str) -> list[str]:
    done = run(command, console.address + page, "--output", "json", "--quiet", f"--only-categories={','.join(CATEGORIES)}",
               "--chrome-flags=--headless --no-sandbox --disable-gpu", "--extra-headers", json.dumps({"Cookie": cookie}),
               seconds=180, environment={"CHROME_PATH": chromium})
    try:
        told = json.loads(done.stdout)
        scores = {name: told["categories"][name]["score"] for name in CATEGORIES}
    except (ValueError, KeyError):
        raise CouldNotLook(last_line(done)[:300]) from None
    if told.get("runtimeError") or None in scores.values() or not told["finalDisplayedUrl"].endswith(page):
        raise CouldNotLook(f"it did not see {page}")
    print(f"lighthouse: {page} {scores}")
    return [f"{page} {name}: {audit['id']}: {audit['title']}" for name in CATEGORIES if scores[name] < 1
            for each in told["categories"][name]["auditRefs"] if each["weight"]
            for audit in [told["audits"][each["id"]]] if audit["score"] is not None and audit["score"] < 1]
