"""One connection: who is too slow to be kept, and who is not listened to for a moment. What it answers is in answers.py, who else there is
in listener.py."""
from __future__ import annotations

import time
from socket import AF_INET6, inet_pton, socket
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser

from webadmin import counters
from webadmin.serving import logs
from webadmin.serving.answers import AppTask, ErrorAnswer, Request
from webadmin.serving.refusals import DEAF_SECONDS, Refusal, Told, asked_of

# Nobody idle or unfinished stays longer than 30 seconds.
SILENT_SECONDS = 25
REQUEST_SECONDS = 25           # from first to last byte of a request ...
SLOWEST_BYTES_A_SECOND = 4096  # ... and longer for a body that keeps coming at this rate
WAITING_SECONDS = 0.2          # for one answer: that is no work for this process


def subscriber(address: str) -> str | bytes:
    """An IPv4 address, or the first 64 bits of an IPv6 one: what one subscriber has."""
    return inet_pton(AF_INET6, address.partition("%")[0])[:8] if ":" in address else address


class Connection(HTTPChannel):
    task_class, error_task_class, parser_class = AppTask, ErrorAnswer, Request
    active = begun = 0.0  # by a clock that nobody sets: when something last came or went, when the request that is still coming began
    deaf_until = 0.0
    heard_well = True     # its last request, if there was one, was neither refused nor a wrong credential
    heard_once = False    # and one at least was there

    def __init__(self, server: Any, sock: socket, addr: Any, adj: Any, map: Any = None):
        super().__init__(server, sock, addr, adj, map)
        server.serves(1)
        self.told = Told()
        self.source = server.told.get(subscriber(self.addr[0]))
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
                self.source = self.server.told.setdefault(subscriber(self.addr[0]), Told())
                self.source.again(refusal)
            self._listen_later()

    def heard(self, request: HTTPRequestParser, well: bool) -> None:
        self._heard(well)
        self.told.refusals, self.heard_once = 0, self.heard_once or well
        if well and self.source and self.source.refusal.asked == asked_of(request):
            self.source.refusals = 0

    def _heard(self, well: bool) -> None:
        self.server.serves(well - self.heard_well)
        self.heard_well = well

    def del_channel(self, map: Any = None) -> None:
        was_there = self._fileno is not None      # it may be closed twice
        super().del_channel(map)
        if was_there:
            self.server.serves(-self.heard_well)

    def service(self) -> None:
        """Whatever fails, no connection stays that is neither read nor written any more."""
        try:
            super().service()
        except BaseException:
            self.requests.clear()
            self.will_close = True
            self.server.pull_trigger()
            raise

    def refuses_again(self) -> bool:
        """Give the only request that waits the answer of a moment ago, if the same was asked all the time."""
        if len(self.requests) > 1:      # whoever sends more at once is served one by one
            return False
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
