"""One request at the server: how it is read, its answer, and one line of the log."""
from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import InternalServerError, build_http_date

from webadmin import counters, security
from webadmin.serving import bodies, logs
from webadmin.serving.refusals import TOLD_SECONDS, TOLD_TO_WAIT, Refusal, asked_of

LONGEST_PATH = 1000            # characters in the log

WHOLE_SOURCE = "webadmin.whole_source"      # in the environ: for so many seconds nobody from there is heard

# A request that cannot be read never reaches the app, so its answer gets its headers here.
PLAIN_HEADERS = [*security.HEADERS.items(), ("Cache-Control", "no-store")]

# What follows /setup/ signs somebody in, so it is never written down.
_secret = re.compile(r"(/setup/+).+", re.IGNORECASE | re.DOTALL)
_encoding = re.compile(rb"^transfer-encoding:(.*)$", re.IGNORECASE | re.MULTILINE)


class Request(HTTPRequestParser):
    body_rcv: Any
    first_line, command, path = b"", "", ""      # of one that cannot be read so far

    def parse_header(self, header_plus: bytes) -> None:
        """Refuse what a proxy and this server could read as different requests (RFC 9112 section 6.1)."""
        super().parse_header(header_plus)
        if "CONTENT_LENGTH" in self.headers and self.chunked:
            raise ParsingError("Content-Length and Transfer-Encoding together")
        if "TRANSFER_ENCODING" in self.headers:      # it stays there where the version does not know it
            raise ParsingError("Transfer-Encoding in an old version")
        if b"," in b",".join(_encoding.findall(header_plus)):
            raise ParsingError("Transfer-Encoding twice")
        if self.proxy_netloc and self.proxy_netloc != self.headers.get("HOST"):
            raise ParsingError("one host in the first line, another below")
        if self.body_rcv is not None:
            self.body_rcv = bodies.receiver(self.content_length, chunked=self.chunked)


class _Logged:
    """A task of waitress that writes one line to the log when it is done."""
    channel: Any
    request: Any
    response_headers: list[tuple[str, str]]
    status: str
    version: str
    start_time: float
    content_length: int | None
    content_bytes_written: int
    wrote_header: bool
    close_on_finish: bool
    has_body: bool
    written = 0
    refusal = b""

    def service(self) -> None:
        begun = time.perf_counter()
        if self.channel.server.stopping:
            self.set_close_on_finish()  # type: ignore[attr-defined]
        try:
            super().service()  # type: ignore[misc]
        finally:
            if not isinstance(self.request.error, InternalServerError):  # that tells the same request's failure again
                self._log(time.perf_counter() - begun)

    def write(self, data: bytes) -> None:
        """An answer in one piece goes out with its headers, by one call to the system; any other as waitress has it."""
        self.written += len(data)
        if int(self.status[:3]) in TOLD_TO_WAIT:
            self.refusal += data
        whole = not self.wrote_header and self.content_length == len(data) > 0
        if whole and self._keeps_open() and self.has_body and self.request.command != "HEAD":
            self.response_headers.append(("Date", _date(int(self.start_time))))
            self.channel.write_soon(self._head() + data)
            self.wrote_header, self.content_bytes_written = True, len(data)
        else:
            super().write(data)  # type: ignore[misc]

    def _keeps_open(self) -> bool:
        asked = self.request.headers.get("CONNECTION", "").lower()
        return self.version == "1.1" and not self.close_on_finish and asked in ("", "keep-alive")

    def _log(self, seconds: float) -> None:
        method = getattr(self.request, "command", "")
        sent = self.written if self.content_length is None else self.content_length
        environ = getattr(self, "environ", None) or {}
        status = self._outcome()
        line = {"method": method, "path": _shown(getattr(self.request, "path", "")), "status": status,
                "bytes": 0 if method == "HEAD" else sent, "ms": round(seconds * 1000, 1),
                "client": environ.get("REMOTE_ADDR", self.channel.addr[0]),
                "request_id": next((value for name, value in self.response_headers if name == "X-Request-Id"), None)}
        counters.request(status, seconds)
        logs.write("request", **line)
        if status not in TOLD_TO_WAIT:
            self.channel.heard(self.request, status != 401)
        elif self._can_be_said_again():
            until, for_all = time.monotonic() + environ.get(WHOLE_SOURCE, TOLD_SECONDS), WHOLE_SOURCE in environ
            answer = self._head() + self.refusal
            self.channel.refuse(self.request, Refusal(asked_of(self.request), for_all, answer, self.close_on_finish, line, until))

    def _can_be_said_again(self) -> bool:
        """It is whole, and sets no cookie."""
        kept = not any(name == "Set-Cookie" for name, _ in self.response_headers)
        return kept and self.version == "1.1" and self.content_length == len(self.refusal) and self.request.command != "HEAD"

    def _head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self.response_headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _outcome(self) -> int:
        """The status sent; 499, as other servers say it, for a client that was gone before there was one."""
        if self.wrote_header:
            return int(self.status[:3])
        return 500 if self.channel.connected else 499


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return build_http_date(second)


def _shown(path: str) -> str:
    readable = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return _secret.sub(r"\1…", readable)[:LONGEST_PATH]


class AppTask(_Logged, WSGITask):
    pass


class ErrorAnswer(_Logged, ErrorTask):
    def execute(self) -> None:
        self.response_headers.extend(PLAIN_HEADERS)
        super().execute()
