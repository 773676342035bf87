"""A reverse proxy that sends every request to another server than the one before, and a browser that goes through it."""
from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

from tests.drills.console import PASSWORD, Client
from tests.page import Page

SERVED_BY = "X-Served-By"
NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding", "content-length", "x-forwarded-for"}


@contextlib.contextmanager
def round_robin(port: int, servers: list[int]) -> Iterator[None]:
    """Answers on `port` for as long as the block runs; each answer says in SERVED_BY which of the servers gave it."""
    turns, lock = itertools.cycle(servers), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            with lock:
                server = next(turns)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server, timeout=30)) as connection:
                connection.request(self.command, self.path, body, {**headers, "X-Forwarded-For": self.client_address[0]})
                self.give_back(connection.getresponse(), server)

        def give_back(self, answer: http.client.HTTPResponse, server: int) -> None:
            body = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header(SERVED_BY, str(server))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as proxy:
        proxy.daemon_threads = True
        thread = threading.Thread(target=proxy.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            proxy.shutdown()
            thread.join()


class Browser:
    """Keeps cookies, fills the forms that it is shown; `location` is where it is sent."""

    def __init__(self, port: int, source: str = "127.0.0.1"):
        self.port, self.source = port, source
        self.cookies: dict[str, str] = {}
        self.location = ""

    def get(self, address: str, status: int = 200) -> Page:
        return self._ask("GET", address, None, status)

    def fill(self, address: str, status: int = 303, at: str = "", **fields: str) -> Page:
        """Open a page, type into its form for `address`, and send it: to the other server than the one that showed it."""
        form = self.get(at or address).form(address)
        return self.send(address, form, status, **fields)

    def send(self, address: str, form: dict[str, str], status: int = 303, **fields: str) -> Page:
        return self._ask("POST", address, urlencode({**form, **fields}), status)

    def sign_in(self, name: str, password: str = PASSWORD) -> Browser:
        self.fill("/login", name=name, password=password)
        return self

    def _ask(self, method: str, address: str, body: str | None, status: int) -> Page:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        with contextlib.closing(Client(self.port, 30, self.source)) as client:
            got, text = client.send(method, address, body, **kind, **({"Cookie": cookies} if cookies else {}))
            self._keep(client.headers)
        assert got == status, f"{method} {address}: {got} {text.decode()[-2000:]}"
        return Page(text.decode() if got < 300 or got >= 400 else "")

    def _keep(self, headers: http.client.HTTPMessage) -> None:
        self.location, self.served_by = headers.get("Location", ""), headers.get(SERVED_BY)
        for line in headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if value:
                self.cookies[name] = value
