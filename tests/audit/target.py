"""A console to attack: run.py with a few accounts, thrown away afterwards, and what a browser or a script signed in holds."""
from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from tests.drills.console import BASIC, PASSWORD, Client, Console, signed_in

PEOPLE = ("bob", "carol", "dan", "erin")
MOST_PAGES = 60


class Visitor(Client):
    """A client as it looks from behind the proxy that ends TLS; where no proxy is declared, the header says nothing."""

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        return super().send(method, path, body, X_Forwarded_Proto="https", **headers)


class Behind(Console):
    def get(self, path: str, seconds: float = 10, **headers: str) -> tuple[int, bytes]:
        return super().get(path, seconds, X_Forwarded_Proto="https", **headers)


@dataclass(frozen=True)
class Target:
    console: Console
    session: str      # the cookies of an administrator's browser that has signed in just now
    form: str         # and the one with its forms' secret, which the next page sets

    @property
    def cookie(self) -> str:
        return f"{self.session}; {self.form}"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.console.port}"

    def still_signed_in(self) -> bool:
        return self.console.get("/users", Cookie=self.cookie)[0] == 200

    def token(self, path: str, **body: str) -> str:
        """A Bearer header for the contract whose sign-in is at `path`."""
        with contextlib.closing(Visitor(self.console.port)) as client:
            status, answer = client.send("POST", path, body)
        assert status == 200, answer
        told = json.loads(answer)
        return f"Bearer {told.get('access_token') or told['token']}"

    def trouble(self) -> list[str]:
        """Every 500 that the attack brought forth, with what the log says of it."""
        lines = self.console.log.read_text().splitlines()
        numbers = [told["request_id"] for line in lines if line.startswith("{") and (told := json.loads(line)).get("status") == 500]
        return [f"500: {line}" for number in numbers[:5] for line in lines if number in line]


@contextlib.contextmanager
def target(**environment: str) -> Iterator[Target]:
    usual = {"WEBADMIN_REGISTRATIONS_AN_HOUR": "1000000"}
    with tempfile.TemporaryDirectory() as place, Behind(Path(place) / "data", **usual, **environment) as console:
        with contextlib.closing(Visitor(console.port)) as client:
            for name in PEOPLE:
                status, answer = client.send("POST", f"/api/v2/users/{name}", {"password": PASSWORD}, Authorization=BASIC)
                assert status == 200, answer
            cookie = signed_in(client)["Cookie"]
            client.send("GET", "/users", Cookie=cookie)
            forms = [each.partition(";")[0] for each in client.headers.get_all("Set-Cookie") or []]
        kept = [each for each in cookie.split("; ") if not each.partition("=")[0].endswith("webadmin_form")]
        yield Target(console, "; ".join(kept), "; ".join(forms))


def crawl(target: Target) -> dict[str, bytes]:
    """Address -> page: every page that a crawl from the first one finds, as an administrator sees it."""
    waiting, known = ["/users", "/login"], {"/users", "/login"}
    found: dict[str, bytes] = {}
    with contextlib.closing(Visitor(target.console.port)) as client:
        while waiting and len(found) < MOST_PAGES:
            address = waiting.pop(0)
            status, page = client.send("GET", address, Cookie=target.cookie if address != "/login" else "")
            if status != 200 or not client.headers["Content-Type"].startswith("text/html"):
                continue
            found[address] = page
            links = {unescape(link) for link in re.findall(r'href="(/[^"#]*)"', page.decode())}
            waiting += sorted((link for link in links - known if not link.startswith("/static")), key=lambda link: (link.count("&"), link))
            known |= links
    assert len(found) > 10, "too few pages were found"
    return found
