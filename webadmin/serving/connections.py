"""One connection: who is too slow to be kept, and who is not listened to for a moment. What it answers is in answers.py."""
from __future__ import annotations

import math
import time
from collections import deque
from socket import AF_INET6, inet_pton, socket
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer

from webadmin import counters
from webadmin.serving import logs
from webadmin.serving.answers import AppTask, ErrorAnswer, Request
from webadmin.serving.refusals import CROWD_SECONDS, DEAF_SECONDS, Crowds, Refusal, Told, asked_of
from webadmin.serving.sharing import Pair, Sharing

# Nobody idle or unfinished stays longer than 30 seconds.
SWEEP_SECONDS = 5              # between two looks for connections to close
SILENT_SECONDS = 25
REQUEST_SECONDS = 25           # from first to last byte of a request ...
SLOWEST_BYTES_A_SECOND = 4096  # ... and longer for a body that keeps coming at this rate
MOST_OF_ONE_SOURCE = 400       # connections, of the 1,000 that a process takes

COUNT_SECONDS = 0.05           # between two counts of the connections that are served
WAITING_SECONDS = 0.2          # for one answer: that is no work for this process

LOOK_SECONDS = 1


class _Connection(HTTPChannel):
    task_class, error_task_class, parser_class = AppTask, ErrorAnswer, Request
    active = begun = 0.0  # by a clock that nobody sets: when something last came or went, when the request that is still coming began
    deaf_until = 0.0
    heard_well = True     # its last request, if there was one, was neither refused nor a wrong credential

    def __init__(self, server: Listener, sock: socket, addr: Any, adj: Any, map: Any = None):
        super().__init__(server, sock, addr, adj, map)
        server.serves(1)
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
        self._heard(False)
        self.server.crowds.refuse(request)
        if self.adj.clear_untrusted_proxy_headers:
            self.told.again(refusal)
            if refusal.for_all:
                self.source = self.server.told.setdefault(self.addr[0], Told())
                self.source.again(refusal)
            self._listen_later()

    def heard(self, request: HTTPRequestParser, well: bool) -> None:
        self._heard(well)
        self.told.refusals = 0
        if well and self.source and self.source.refusal.asked == asked_of(request):
            self.source.refusals = 0

    def _heard(self, well: bool) -> None:
        self.server.serves(well - self.heard_well)
        self.heard_well = well

    def del_channel(self, map: Any = None) -> None:
        super().del_channel(map)
        self.server.serves(-self.heard_well)

    def refuses_again(self) -> bool:
        """Give the only request that waits the answer of a moment ago, if the same was asked all the time."""
        refusal = self.told.answer(self.requests[0]) or (self.source and self.source.answer(self.requests[0]))
        if not refusal:
            return False
        self._heard(False)
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

    def is_served(self, now: float) -> bool:
        return self.heard_well and not (self.requests and now - self.active > WAITING_SECONDS)

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
    next_sweep = next_count = 0.0
    served = 0                          # connections; counted anew now and then, for threads may miscount
    deaf_until = 0.0                    # the last of its connections
    sharing: Sharing | None = None      # with other processes

    def __init__(self, *given: Any, **named: Any):
        self.told: dict[str, Told] = {}      # by source
        self.crowds = Crowds()
        self.later: deque[tuple[float, _Connection]] = deque()      # and when
        super().__init__(*given, **named)

    def look_seconds(self) -> float:
        """Until all connections are looked at again, whatever happens."""
        return LOOK_SECONDS if time.monotonic() > self.deaf_until and not self.later else DEAF_SECONDS / 10

    def readable(self) -> bool:
        now = time.monotonic()
        if now >= self.next_count:
            self.next_count = now + COUNT_SECONDS
            self.served = sum(each.is_served(now) for each in list(self.active_channels.values()))
            counters.put(looked_ms=int(1000 * now))
            self.serves(0)
        if now >= self.next_sweep:
            self.next_sweep = now + SWEEP_SECONDS
            self._sweep()
        while self.later and (self.stopping or now >= self.later[0][0]):
            super().add_task(self.later.popleft()[1])
        return bool(super().readable())

    def add_task(self, connection: _Connection) -> None:
        if self.stopping or len(connection.requests) > 1:      # whoever sends more at once is served one by one
            super().add_task(connection)
        elif not connection.refuses_again():
            if not connection.told.refusals and self.crowds.ask_for(connection.requests[0]):
                self.later.append((time.monotonic() + CROWD_SECONDS, connection))
            else:
                super().add_task(connection)

    def serves(self, more: int) -> None:
        self.served += more
        counters.put(connections=len(self.active_channels), served=self.served)

    def share(self, made: list[Pair], place: int) -> None:
        self.sharing = Sharing(made, place, self.take, self._map)

    def accept(self) -> Any:
        """The next connection that this process is to serve, if it is allowed."""
        taken = super().accept()
        if taken and self.sharing and self.sharing.hand_over(taken[0], self.served):
            taken[0].close()
            return None
        return taken if taken and self._allows(*taken) else None

    def take(self, taken: socket) -> None:
        """What another process has handed over."""
        try:
            address = taken.getpeername()
            self.set_socket_options(taken)
        except OSError:      # the client has gone
            taken.close()
            return
        if self._allows(taken, address):
            self.channel_class(self, taken, self.fix_addr(address), self.adj, map=self._map)

    def _allows(self, taken: socket, address: tuple[Any, ...]) -> bool:
        """Unless its source holds so many that it would leave none to others: then it is closed. Behind a proxy all have one source."""
        if self.adj.clear_untrusted_proxy_headers and self._held_by(address) >= MOST_OF_ONE_SOURCE:
            taken.close()
            return False
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
