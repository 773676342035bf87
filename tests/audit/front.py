"""The proxy that docs/deployment.md puts in front, as small as it can be: ends TLS on 443, passes plain http of 80 on as such."""
from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Front(ThreadingHTTPServer):
    """`page` is what `/` shows, `cookie` what every request carries besides: a scanner that knows only a host's name sees any page so."""

    def __init__(self, port: int, behind: int, scheme: str):
        super().__init__(("127.0.0.1", port), _Request)
        self.behind, self.scheme, self.page, self.cookie = behind, scheme, "/", ""


class _Request(BaseHTTPRequestHandler):
    server: Front

    def do_GET(self) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "x-forwarded-proto")}
        headers |= {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Proto": self.server.scheme, "Connection": "close"}
        if self.server.cookie:
            headers["Cookie"] = self.server.cookie
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=10)) as inner:
            inner.request(self.command, self.server.page if self.path == "/" else self.path, headers=headers)
            answer = inner.getresponse()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.read())
        self.close_connection = True

    do_HEAD = do_OPTIONS = do_GET

    def log_message(self, *_: object) -> None:
        """Says nothing: webadmin has its own log."""


@contextlib.contextmanager
def fronts(behind: int, certificate: Path, key: Path) -> Iterator[tuple[Front, Front]]:
    """(of 80, of 443)."""
    plain, secure = Front(80, behind, "http"), Front(443, behind, "https")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    for each in (plain, secure):
        threading.Thread(target=each.serve_forever, daemon=True).start()
    try:
        yield plain, secure
    finally:
        for each in (plain, secure):
            each.shutdown()
            each.server_close()
