"""Connections are shared out: a process that takes one while another serves fewer hands it over.

Or whoever is quickest would take all connections that a client opens and keeps, and serve them alone.
"""
from __future__ import annotations

import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from waitress import wasyncore

from webadmin import counters

AWAKE_SECONDS = 1.5            # a process looks around every second; who has not for so long gets nothing
MOST = 900                     # connections, of the 1,000 that a process takes
READ_SECONDS = 0.005           # until what was handed over counts where it went
AT_A_TIME = 20

log = logging.getLogger(__name__)

Pair = tuple[socket.socket, socket.socket]


def pairs(processes: int) -> list[Pair]:
    """For each process, made before the fork: where it reads, and where the others write."""
    made = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(processes)]
    for end in (end for pair in made for end in pair):
        end.setblocking(False)
    return made


class Sharing(wasyncore.dispatcher):
    """One process's part: what it is handed, and what it hands over."""

    def __init__(self, made: list[Pair], place: int, take: Callable[[socket.socket], None], map: dict[int, Any]):
        super().__init__(made[place][0], map)
        self.connected = True
        self.made, self.place, self.take = made, place, take
        self.handed: deque[tuple[float, int]] = deque()      # when, and to whom

    def writable(self) -> bool:
        return False

    def handle_read(self) -> None:
        with suppress(BlockingIOError):
            while True:
                for number in socket.recv_fds(self.socket, 1, AT_A_TIME)[1]:
                    self._take(socket.socket(fileno=number))

    def handle_close(self) -> None:
        """Never: the others would go on handing over what nobody reads."""

    def _take(self, handed: socket.socket) -> None:
        try:
            self.take(handed)
        except Exception:
            log.exception("a connection that was handed over could not be taken")
            handed.close()

    def hand_over(self, taken: socket.socket, served: int) -> bool:
        """True where another process has it now, for it serves fewer than this one's `served`."""
        now = time.monotonic()
        while self.handed and self.handed[0][0] < now - READ_SECONDS:
            self.handed.popleft()
        given = [place for _, place in self.handed]
        others = [(counts["served"] + given.count(place), place)
                  for place, counts in counters.living("served", "connections", "looked_ms").items()
                  if place != self.place and counts["looked_ms"] > 1000 * (now - AWAKE_SECONDS) and counts["connections"] < MOST]
        fewest, place = min(others, default=(served, 0))
        if fewest >= served:
            return False
        try:
            socket.send_fds(self.made[place][1], [b"."], [taken.fileno()])
        except OSError:      # it has many to take already
            return False
        self.handed.append((now, place))
        return True
