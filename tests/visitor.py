"""A browser for tests: follows the house's ways, fills the token in by itself, and checks every answer it gets."""
from __future__ import annotations

import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.page import Page, check

PASSWORD = "three green boats at dawn"
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
          "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'")
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
           "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"}
COOKIES = {"webadmin_session", "webadmin_form", "webadmin_device"}


class Visitor:
    def __init__(self, app: Flask, source: str = "127.0.0.1"):
        self.app, self.client = app, app.test_client()
        self.client.environ_base["REMOTE_ADDR"] = source
        self.page = Page("")
        self.answer: TestResponse

    def get(self, address: str, status: int = 200, **options: Any) -> Page:
        return self._take(self.client.get(address, **options), status)

    def post(self, address: str, status: int = 303, headers: Any = None, **fields: Any) -> Page:
        """Post these fields with the token of the page that is open, or of a page that anybody may open."""
        return self._take(self.client.post(address, data={"csrf_token": self.token(), **fields}, headers=headers), status)

    def fill(self, address: str, status: int = 303, at: str = "", **fields: Any) -> Page:
        """Open a page (`at`, or the same), type into its form for `address`, leave the rest as it stands, and send it."""
        form = self.get(at or address).form(address)
        return self._take(self.client.post(address, data={**form, **fields}), status)

    def send(self, address: str, status: int = 303, **fields: Any) -> Page:
        """Type into the form of the page that is open, and send it."""
        return self._take(self.client.post(address, data={**self.page.form(address), **fields}), status)

    def sign_in(self, name: str, password: str = PASSWORD, **fields: Any) -> Visitor:
        self.fill("/login", name=name, password=password, **fields)
        return self

    def follow(self, status: int = 200) -> Page:
        return self.get(self.location, status)

    def signed_in(self) -> bool:
        return self.client.get("/me").status_code == 200

    def token(self) -> str:
        boxes = self.page.all("input", name="csrf_token")
        if not boxes:
            self.get(next(each for each in ("/me", "/password", "/login") if self.client.get(each).status_code == 200))
            boxes = self.page.all("input", name="csrf_token")
        return boxes[0].attrs["value"] if boxes else ""

    @property
    def location(self) -> str:
        return self.answer.headers["Location"]

    def cookie(self, name: str = "webadmin_session") -> str:
        found = self.client.get_cookie(name)
        return found.value if found else ""

    def set_cookie(self, value: str, name: str = "webadmin_session") -> None:
        self.client.set_cookie(name, value)

    def _take(self, answer: TestResponse, status: int) -> Page:
        self.answer = answer
        assert answer.status_code == status, f"{answer.status} {answer.headers.get('Location', '')} {_words(answer)}"
        check_headers(answer, self.app.config["SETTINGS"].secure)
        if 300 <= answer.status_code < 400:
            self.page = Page("")      # a browser is somewhere else now
        elif answer.mimetype == "text/html":
            self.page = Page(answer.text)
            check(self.page)
        return self.page


def check_headers(answer: TestResponse, secure: bool = False) -> None:
    for name, value in HEADERS.items():
        assert answer.headers.get(name) == value, f"{name}: {answer.headers.get(name)}"
    assert "Permissions-Policy" in answer.headers and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"].endswith("charset=utf-8")
    assert not any(name.lower().startswith("access-control") for name in answer.headers.keys())
    assert ("Strict-Transport-Security" in answer.headers) == secure
    for line in answer.headers.getlist("Set-Cookie"):
        check_cookie(line, secure)


def check_cookie(line: str, secure: bool) -> None:
    name = line.partition("=")[0]
    assert name.removeprefix("__Host-") in COOKIES and name.startswith("__Host-") == secure, line
    flags = {part.strip().partition("=")[0].lower(): part.strip().partition("=")[2] for part in line.split(";")[1:]}
    assert "httponly" in flags and flags.get("samesite") == "Lax" and flags.get("path") == "/" and "domain" not in flags, line
    assert ("secure" in flags) == secure and len(line) <= 4096, line


def _words(answer: TestResponse) -> str:
    said = re.search(r"<main.*</main>", answer.text, re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", said[0] if said else answer.text))[:700]
