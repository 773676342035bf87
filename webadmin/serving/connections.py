"""One connection: who is too slow to be kept, what is logged of a request, what an answer outside the app carries."""
from __future__ import annotations

import re
import time
from typing import Any, NamedTuple

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import InternalServerError

from webadmin import counters, security
from webadmin.serving import logs

# With the 5 seconds between two looks, nobody idle or unfinished stays longer than 30.
SILENT_SECONDS = 25
REQUEST_SECONDS = 25           # from first to last byte of a request ...
SLOWEST_BYTES_A_SECOND = 4096  # ... and longer for a body that keeps coming at this rate
MOST_OF_ONE_SOURCE = 400       # connections, of the 1,000 that a process takes
LONGEST_PATH = 1000            # characters in the log

# A flood must not take the pages' share. Who is told over and over to come back later, and asks on over the same connection, gets the same
# answer again, without a thread, and a moment later each time. A second is the shortest time that anyone is told to wait.
TOLD_TO_WAIT = (429, 503)
TOLD_OFTEN, TOLD_SECONDS = 10, 1
DEAF_SECONDS = 0.075
LOOK_SECONDS = 1

# A request that cannot be read never reaches the app, so its answer gets its headers here.
PLAIN_HEADERS = [*security.HEADERS.items(), ("Cache-Control", "no-store")]

# What follows /setup/ signs somebody in, so it is never written down.
_secret = re.compile(r"(/setup/+).+", re.IGNORECASE | re.DOTALL)


class _Refusal(NamedTuple):
    """An answer that holds for a while, for whoever asks the same: first line and cookie, so that no browser gets another one's page."""

    asked: tuple[str, str]
    answer: bytes
    line: dict[str, Any]      # of the log
    until: float

    def is_fresh(self) -> bool:
        return time.monotonic() < self.until


_NONE = _Refusal(("", ""), b"", {}, 0)


def _asked(request: HTTPRequestParser) -> tuple[str, str]:
    return request.first_line, request.headers.get("COOKIE", "")


class _Logged:
    """A task of waitress that writes one line to the log when it is done."""
    channel: Any
    request: Any
    response_headers: list[tuple[str, str]]
    status: str
    content_length: int | None
    wrote_header: bool
    close_on_finish: bool
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
        self.written += len(data)
        if int(self.status[:3]) in TOLD_TO_WAIT:
            self.refusal += data
        super().write(data)  # type: ignore[misc]

    def _log(self, seconds: float) -> None:
        method = getattr(self.request, "command", "")
        sent = self.written if self.content_length is None else self.content_length
        environ = getattr(self, "environ", None) or {}
        headers = {name.lower(): value for name, value in self.response_headers}
        line = {"method": method, "path": _shown(getattr(self.request, "path", "")), "status": self._outcome(),
                "bytes": 0 if method == "HEAD" else sent, "ms": round(seconds * 1000, 1),
                "client": environ.get("REMOTE_ADDR", self.channel.addr[0]), "request_id": headers.get("x-request-id")}
        counters.request(self._outcome(), seconds)
        logs.write("request", **line)
        if self._outcome() not in TOLD_TO_WAIT:
            self.channel.refusals = 0
        elif not self.close_on_finish and "set-cookie" not in headers:
            self.channel.refuse(_Refusal(_asked(self.request), self._head() + self.refusal, line, time.monotonic() + TOLD_SECONDS))

    def _head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status}", *(f"{name}: {value}" for name, value in self.response_headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _outcome(self) -> int:
        """The status sent; 499, as other servers say it, for a client that was gone before there was one."""
        if self.wrote_header:
            return int(self.status[:3])
        return 500 if self.channel.connected else 499


def _shown(path: str) -> str:
    readable = path.encode("latin-1", "replace").decode("utf-8", "replace")
    return _secret.sub(r"\1…", readable)[:LONGEST_PATH]


class _AppTask(_Logged, WSGITask):
    pass


class _ErrorTask(_Logged, ErrorTask):
    def execute(self) -> None:
        self.response_headers.extend(PLAIN_HEADERS)
        super().execute()


class _Request(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        """Refuse what a proxy and this server could read as different requests (RFC 9112 section 6.1)."""
        super().parse_header(header_plus)
        if "CONTENT_LENGTH" in self.headers and self.chunked:
            raise ParsingError("Content-Length and Transfer-Encoding together")


class _Connection(HTTPChannel):
    task_class, error_task_class, parser_class = _AppTask, _ErrorTask, _Request
    begun = 0.0  # when the request that is still coming began
    deaf_until = 0.0
    refusals, refusal = 0, _NONE      # in a row; the last one

    def readable(self) -> bool:
        return super().readable() and time.monotonic() >= self.deaf_until

    def refuse(self, refusal: _Refusal) -> None:
        """Behind a proxy one connection carries many people's requests, and nobody pays for another."""
        if self.adj.clear_untrusted_proxy_headers:
            goes_on = time.monotonic() < self.refusal.until + TOLD_SECONDS
            self.refusals = self.refusals + 1 if goes_on else 1
            self.refusal = refusal
            self._listen_later()

    def refuses_again(self) -> bool:
        """Give the only request that waits the answer of a moment ago, if its connection asks the same all the time."""
        often = self.refusals >= TOLD_OFTEN and self.refusal.is_fresh()
        if not often or self.requests[0].error or self.refusal.asked != _asked(self.requests[0]):
            return False
        del self.requests[0]
        self._listen_later()
        with self.outbuf_lock:
            self.outbufs[-1].append(self.refusal.answer)
            self.current_outbuf_count += len(self.refusal.answer)
            self.total_outbufs_len += len(self.refusal.answer)
            self._flush_some()
        counters.request(self.refusal.line["status"], 0)
        logs.write("request", **{**self.refusal.line, "ms": 0})
        return True

    def _listen_later(self) -> None:
        self.deaf_until = self.server.deaf_until = time.monotonic() + DEAF_SECONDS

    def received(self, data: bytes) -> bool:
        before = self.request
        taken = super().received(data)
        if self.request is not before:
            self.begun = self.last_activity
        return taken

    def overdue(self, now: float) -> bool:
        """True for a client that is silent, does not take its answer, or sends its request too slowly."""
        if self.requests and not self.total_outbufs_len:
            return False  # the app is at work
        if now - self.last_activity > SILENT_SECONDS:
            return True
        return self.request is not None and now - self.begun > REQUEST_SECONDS + self.request.body_bytes_received / SLOWEST_BYTES_A_SECOND


class Listener(TcpWSGIServer):
    channel_class = _Connection
    stopping = False
    deaf_until = 0.0      # the last of its connections

    def look_seconds(self) -> float:
        """How long to wait for something to happen before all connections are looked at again."""
        return LOOK_SECONDS if time.monotonic() > self.deaf_until else DEAF_SECONDS / 10

    def add_task(self, connection: _Connection) -> None:
        if self.stopping or not connection.refuses_again():
            super().add_task(connection)

    def accept(self) -> Any:
        """The next connection, unless its source holds so many that it would leave none to others; behind a proxy all have one source."""
        taken = super().accept()
        if taken and self.adj.clear_untrusted_proxy_headers and self._held_by(taken[1]) >= MOST_OF_ONE_SOURCE:
            taken[0].close()
            return None
        return taken

    def _held_by(self, address: tuple[Any, ...]) -> int:
        if len(self.active_channels) < MOST_OF_ONE_SOURCE:
            return 0
        return sum(each.addr[0] == self.fix_addr(address)[0] for each in list(self.active_channels.values()))

    def maintenance(self, now: float) -> None:
        """Close overdue connections, even those whose other end never reads again."""
        for connection in list(self.active_channels.values()):
            if connection.overdue(now):
                connection.handle_close()

    def fix_addr(self, addr: tuple[Any, ...]) -> tuple[Any, ...]:
        """An IPv4 client of a socket that listens on both kinds is known by its IPv4 address."""
        return (addr[0].removeprefix("::ffff:"), *addr[1:])

    def stop_accepting(self) -> None:
        self.stopping = True
        self.del_channel()
        self.socket.close()

    def busy(self) -> bool:
        """True while a request runs or an answer is not sent to its end."""
        return any(each.requests or each.total_outbufs_len for each in list(self.active_channels.values()))
