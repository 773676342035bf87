"""MDN HTTP Observatory: an A+ and 135 points on the sign-in page and on what an administrator sees first, as it would judge them on the internet.

The tool wants a name, ports 80 and 443 and a certificate that it trusts: so it runs in a network of its own (`unshare`) where
users.example.test is this machine. This file is the outer half when it is imported, the inner half when it is run.
"""
from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.audit.front import fronts
from tests.audit.installed import CouldNotLook, found, from_npm, from_pypi, last_line, run
from tests.audit.target import target

OBSERVATORY, TRUSTME = "@mdn/mdn-http-observatory@1.4.8", "trustme==1.2.1"
HOST = "users.example.test"
PAGES = ("/login", "/users", "/users/2", "/me", "/activity")
LOWEST_SCORE = 135
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def observatory() -> list[str]:
    scanner = from_npm(OBSERVATORY) / "node_modules/@mdn/mdn-http-observatory"
    (scanner / "conf/hsts-preload.json").write_text("{}")      # its list is downloaded elsewhere; no test name is in it
    with tempfile.TemporaryDirectory() as place:
        made = run(from_pypi(TRUSTME, "python"), "-m", "trustme", "-q", "-d", place, "-i", HOST)
        if made.returncode:
            raise CouldNotLook(last_line(made))
        own = ["--net", "--mount"] if os.geteuid() == 0 else ["--map-root-user", "--net", "--mount"]
        done = run(found("unshare"), *own, sys.executable, "-m", "tests.audit.observatory", str(scanner), place)
    if done.returncode:
        raise CouldNotLook(last_line(done)[:300])
    print(done.stderr, end="")
    return json.loads(done.stdout)


def main(scanner: Path, place: Path) -> None:
    """In a network of its own: nothing outside can be reached, and nobody outside reaches this."""
    _loopback_up()
    (place / "hosts").write_text(f"127.0.0.1 localhost {HOST}\n")
    subprocess.run(["mount", "--bind", str(place / "hosts"), "/etc/hosts"], check=True)
    findings: list[str] = []
    with target(WEBADMIN_URL=f"https://{HOST}", WEBADMIN_PROXIES="1") as console, \
            fronts(console.console.port, place / "server.pem", place / "server.key") as both:
        for page in PAGES:
            for each in both:
                each.page, each.cookie = page, "" if page == "/login" else console.session
            findings += _judged(scanner, place, page)
    print(json.dumps(findings))


def _judged(scanner: Path, place: Path, page: str) -> list[str]:
    done = run("node", str(scanner / "src/scan.js"), HOST, seconds=60,
               environment={"NODE_EXTRA_CA_CERTS": str(place / "client.pem")})
    told = json.loads(done.stdout)
    if "error" in told:
        raise CouldNotLook(told["error"])
    scan = told["scan"]
    assert scan["statusCode"] == 200, f"{page} was a {scan['statusCode']}"
    print(f"observatory: {page} {scan['grade']} {scan['score']}", file=sys.stderr)
    failed = [f"{name}: {test['result']}" for name, test in told["tests"].items() if not test["pass"]]
    enough = scan["grade"] == "A+" and scan["score"] >= LOWEST_SCORE and not failed
    return [] if enough else [f"{page}: {scan['grade']} {scan['score']} {', '.join(failed)}"]


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk:
        name, flags = struct.unpack("16sh", fcntl.ioctl(talk, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(talk, SIOCSIFFLAGS, struct.pack("16sh", name, flags | IFF_UP))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
