"""All connections of one process: which it takes, which are answered at once, and which are closed."""
from __future__ import annotations

import math
import time
from collections import deque
from socket import socket
from typing import Any

from waitress.server import TcpWSGIServer

from webadmin import counters
from webadmin.serving.connections import Connection, subscriber
from webadmin.serving.refusals import CROWD_SECONDS, DEAF_SECONDS, Crowds, Told
from webadmin.serving.sharing import Pair, Sharing

LOOK_SECONDS = 1
SWEEP_SECONDS = 5              # between two looks for connections to close: nobody idle or unfinished stays longer than 30 seconds
COUNT_SECONDS = 0.05           # between two counts of the connections that are served
MOST_OF_ONE_SOURCE = 400       # connections, of the 1,000 that a process takes


class Listener(TcpWSGIServer):
    channel_class = Connection
    stopping = False
    next_channel_cleanup = math.inf     # the server's own look at who is idle goes by the wall's clock; _sweep() does not
    next_sweep = next_count = 0.0
    served = 0                          # connections; counted anew now and then, for threads may miscount
    deaf_until = 0.0                    # the last of its connections
    sharing: Sharing | None = None      # with other processes

    def __init__(self, *given: Any, **named: Any):
        self.told: dict[str | bytes, Told] = {}      # by source
        self.crowds = Crowds()
        self.later: deque[tuple[float, Connection]] = deque()      # and when
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
        while self.later and now >= self.later[0][0]:
            self._answer(self.later.popleft()[1])
        return bool(super().readable())

    def add_task(self, connection: Connection) -> None:
        now = time.monotonic()
        if self.stopping:
            super().add_task(connection)
        elif now < connection.deaf_until:      # it sent this before it had its answer
            self.later.append((connection.deaf_until, connection))
        elif not (connection.told.refusals or connection.heard_once) and self.crowds.ask_for(connection.requests[0]):
            self.later.append((now + CROWD_SECONDS, connection))
        else:
            self._answer(connection)

    def _answer(self, connection: Connection) -> None:
        if not (connection.connected and connection.requests and connection.refuses_again()):
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
        """Unless there is no room, or its source holds so many that it would leave none to others (behind a proxy all have one): then it is
        closed."""
        too_many = self.adj.clear_untrusted_proxy_headers and self._held_by(address) >= MOST_OF_ONE_SOURCE
        if too_many or len(self._map) > self.adj.connection_limit:
            taken.close()
            return False
        return True

    def _held_by(self, address: tuple[Any, ...]) -> int:
        if len(self.active_channels) < MOST_OF_ONE_SOURCE:
            return 0
        source = subscriber(self.fix_addr(address)[0])
        return sum(subscriber(each.addr[0]) == source for each in list(self.active_channels.values()))

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
        counters.put(looked_ms=0)      # nobody hands anything over any more
        while self.later:
            super().add_task(self.later.popleft()[1])
        self.del_channel()
        self.socket.close()

    def busy(self) -> bool:
        """True while a request runs or an answer is not sent to its end."""
        return any(each.requests or each.total_outbufs_len for each in list(self.active_channels.values()))
