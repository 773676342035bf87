"""One connection: who is too slow to be kept, and who is not listened to for a moment. What it answers is in answers.py."""
from __future__ import annotations

import math
import re
import time
from collections import deque
from socket import AF_INET6, inet_pton, socket
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer

from webadmin import counters
from webadmin.serving import logs
from webadmin.serving.answers import AppTask, ErrorAnswer
from webadmin.serving.refusals import DEAF_SECONDS, Crowds, Refusal, Told, asked_of

# Nobody idle or unfinished stays longer than 30 seconds.
SWEEP_SECONDS = 5              # between two looks for connections to close
SILENT_SECONDS = 25
REQUEST_SECONDS = 25           # from first to last byte of a request ...
SLOWEST_BYTES_A_SECOND = 4096  # ... and longer for a body that keeps coming at this rate
MOST_OF_ONE_SOURCE = 400       # connections, of the 1,000 that a process takes

# Whoever is quickest would take all connections that a client opens and keeps, and serve them alone.
MOST_AHEAD = 1                 # connection that a process may hold more than another, which gets a moment to take the next
MOMENT_SECONDS = 0.002

LOOK_SECONDS = 1

ENCODING = re.compile(rb"^transfer-encoding:(.*)$", re.IGNORECASE | re.MULTILINE)


class _Request(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        """Refuse what a proxy and this server could read as different requests (RFC 9112 section 6.1)."""
        super().parse_header(header_plus)
        if "CONTENT_LENGTH" in self.headers and self.chunked:
            raise ParsingError("Content-Length and Transfer-Encoding together")
        if "TRANSFER_ENCODING" in self.headers:      # it stays there where the version does not know it
            raise ParsingError("Transfer-Encoding in an old version")
        if b"," in b",".join(ENCODING.findall(header_plus)):
            raise ParsingError("Transfer-Encoding twice")


class _Connection(HTTPChannel):
    task_class, error_task_class, parser_class = AppTask, ErrorAnswer, _Request
    active = begun = 0.0  # by a clock that nobody sets: when something last came or went, when the request that is still coming began
    deaf_until = 0.0

    def __init__(self, server: Listener, sock: socket, addr: Any, adj: Any, map: Any = None):
        super().__init__(server, sock, addr, adj, map)
        self.told = Told()
        self.source = server.told.get(self.addr[0])
        if self.source and self.source.is_fresh():
            self._listen_later()

    @property
    def last_activity(self) -> float:
        return self.active

    @last_activity.setter
    def last_activity(self, by_the_wall: float) -> None:
        """A clock that is set ahead would make everybody look idle, and one that is set back nobody."""
        self.active = time.monotonic()

    def readable(self) -> bool:
        return super().readable() and time.monotonic() >= self.deaf_until

    def refuse(self, request: HTTPRequestParser, refusal: Refusal) -> None:
        """Behind a proxy one connection carries many people's requests, and nobody pays for another."""
        self.server.crowds.refuse(request)
        if self.adj.clear_untrusted_proxy_headers:
            self.told.again(refusal)
            if refusal.for_all:
                self.source = self.server.told.setdefault(self.addr[0], Told())
                self.source.again(refusal)
            self._listen_later()

    def heard(self, request: HTTPRequestParser, well: bool) -> None:
        self.told.refusals = 0
        if well and self.source and self.source.refusal.asked == asked_of(request):
            self.source.refusals = 0

    def refuses_again(self) -> bool:
        """Give the only request that waits the answer of a moment ago, if the same was asked all the time."""
        refusal = self.told.answer(self.requests[0]) or (self.source and self.source.answer(self.requests[0]))
        if not refusal:
            return False
        self._listen_later()
        self.close_when_flushed = refusal.closes
        with self.outbuf_lock:
            self.outbufs[-1].append(refusal.answer)
            self.current_outbuf_count += len(refusal.answer)
            self.total_outbufs_len += len(refusal.answer)
            self._flush_some()
        self.requests.pop().close()
        counters.request(refusal.line["status"], 0)
        logs.write("request", **{**refusal.line, "ms": 0})
        return True

    def _listen_later(self) -> None:
        self.deaf_until = self.server.deaf_until = time.monotonic() + DEAF_SECONDS

    def write_soon(self, data: Any) -> int:
        """What the socket takes at once needs no buffer."""
        sent = 0
        if type(data) is bytes and not self.total_outbufs_len:
            with self.outbuf_lock:
                sent = self.send(data, do_close=False) if self.connected and not self.total_outbufs_len else 0
            if sent:
                self.active = time.monotonic()
        return sent if sent == len(data) else sent + int(super().write_soon(data[sent:] if sent else data))

    def received(self, data: bytes) -> bool:
        before = self.request
        taken = super().received(data)
        if self.request is not before:
            self.begun = self.active
        return taken

    def is_overdue(self) -> bool:
        """True for a client that is silent, does not take its answer, or sends its request too slowly."""
        if self.requests and not self.total_outbufs_len:
            return False  # the app is at work
        now = time.monotonic()
        if now - self.active > SILENT_SECONDS:
            return True
        return self.request is not None and now - self.begun > REQUEST_SECONDS + self.request.body_bytes_received / SLOWEST_BYTES_A_SECOND


def _subscriber(address: str) -> str | bytes:
    """An IPv4 address, or the first 64 bits of an IPv6 one: what one subscriber has."""
    return inet_pton(AF_INET6, address.partition("%")[0])[:8] if ":" in address else address


class Listener(TcpWSGIServer):
    channel_class = _Connection
    stopping = False
    next_channel_cleanup = math.inf     # the server's own look at who is idle goes by the wall's clock; _sweep() does not
    next_sweep = 0.0
    deaf_until = 0.0                    # the last of its connections
    left_until = 0.0                    # to another process

    def __init__(self, *given: Any, **named: Any):
        self.told: dict[str, Told] = {}      # by source
        self.crowds = Crowds()
        self.later: deque[tuple[float, _Connection]] = deque()      # and when
        super().__init__(*given, **named)

    def look_seconds(self) -> float:
        """How long to wait for something to happen before all connections are looked at again."""
        now = time.monotonic()
        if now < self.left_until:
            return MOMENT_SECONDS / 2
        return LOOK_SECONDS if now > self.deaf_until and not self.later else DEAF_SECONDS / 10

    def readable(self) -> bool:
        counters.holds(len(self.active_channels))
        if time.monotonic() >= self.next_sweep:
            self.next_sweep = time.monotonic() + SWEEP_SECONDS
            self._sweep()
        while self.later and (self.stopping or time.monotonic() >= self.later[0][0]):
            super().add_task(self.later.popleft()[1])
        return time.monotonic() >= self.left_until and bool(super().readable())

    def add_task(self, connection: _Connection) -> None:
        if self.stopping or len(connection.requests) > 1:      # whoever sends more at once is served one by one
            super().add_task(connection)
        elif not connection.refuses_again():
            if not connection.told.refusals and self.crowds.ask_for(connection.requests[0]):
                self.later.append((time.monotonic() + DEAF_SECONDS, connection))
            else:
                super().add_task(connection)

    def accept(self) -> Any:
        """The next connection, unless its source holds so many that it would leave none to others; behind a proxy all have one source."""
        taken = None if self._leaves_it() else super().accept()
        if taken and self.adj.clear_untrusted_proxy_headers and self._held_by(taken[1]) >= MOST_OF_ONE_SOURCE:
            taken[0].close()
            return None
        return taken

    def _leaves_it(self) -> bool:
        now, was_left = time.monotonic(), self.left_until
        self.left_until = 0
        if now < was_left + 5 * MOMENT_SECONDS or len(self.active_channels) <= min(counters.each("connections")) + MOST_AHEAD:
            return False
        self.left_until = now + MOMENT_SECONDS
        return True

    def _held_by(self, address: tuple[Any, ...]) -> int:
        if len(self.active_channels) < MOST_OF_ONE_SOURCE:
            return 0
        source = _subscriber(self.fix_addr(address)[0])
        return sum(_subscriber(each.addr[0]) == source for each in list(self.active_channels.values()))

    def _sweep(self) -> None:
        """Close overdue connections, even those whose other end never reads again; forget who is told nothing any more."""
        self.told = {source: told for source, told in list(self.told.items()) if told.is_fresh()}
        for connection in list(self.active_channels.values()):
            if connection.is_overdue():
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
