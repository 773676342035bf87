"""The candidates of one run, started when first asked for, and the requests that they are sent."""
from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field

from benchmarks import drive, floor, servers
from benchmarks.drive import Reading, Target
from benchmarks.servers import Server, cursor
from benchmarks.stores import Stores

PAGE = 50
PLACES = ("first", "middle", "last")
OURS, THEIRS, BARE = 'data-columns="users"', "result_list", "<h1>Users"


@dataclass
class Candidates:
    """`small` and `large` are the sizes that are compared; `middle_size` the one that is imported, changed and deleted."""

    stores: Stores
    sizes: tuple[int, ...]
    seconds: float
    rounds: int
    running: dict[str, Server] = field(default_factory=dict)

    @property
    def small(self) -> int:
        return self.sizes[0]

    @property
    def large(self) -> int:
        return self.sizes[-1]

    @property
    def middle_size(self) -> int:
        return self.sizes[len(self.sizes) // 2]

    def race(self, targets: dict[str, Target], connections: int = 8) -> dict[str, Reading]:
        return drive.race(targets, seconds=self.seconds, rounds=self.rounds, connections=connections)

    def product(self, size: int) -> Server:
        name = f"product-{size}"
        if name not in self.running:
            server = servers.product(self.stores.python("product"), self.stores.product(size))
            self._started(name, server)
            servers.sign_in(server)
        return self.running[name]

    def apart(self, name: str) -> Server:
        """The product over a small store of its own, for what leaves traces."""
        server = servers.product(self.stores.python("product"), self.stores.copy(self.small, name))
        return self._started(name, server)

    def django(self, size: int) -> Server:
        path, keys = self.stores.django(size)
        name = f"django-{size}"
        return self.running.get(name) or self._started(
            name, servers.django(self.stores.python("django"), path, keys["session"], keys["token"]))

    def floor(self, size: int) -> Server:
        name = f"floor-{size}"
        return self.running.get(name) or self._started(name, servers.floor(self.stores.floor(size), floor.COOKIE))

    def stop(self) -> None:
        for server in self.running.values():
            server.stop()

    def list_of_ours(self, size: int, place: str = "first") -> Target:
        """A page of the product's list."""
        query = {"first": "", "last": "?before=", "middle": ""}[place]
        if place == "middle":
            query = f"?after={cursor(0, *self._middle(size))}"
        return self.ours(size, f"/users{query}", OURS)

    def ours(self, size: int, path: str, holds: str = "") -> Target:
        server = self.product(size)
        return Target(server.pid, server.port, path, {"Cookie": server.cookie}, holds=holds)

    def list_of_django(self, size: int, place: str = "first") -> Target:
        server, pages = self.django(size), (size + PAGE) // PAGE
        query = {"first": "", "middle": f"?p={pages // 2}", "last": f"?p={pages}"}[place]
        return Target(server.pid, server.port, f"/admin/django_peer/account/{query}", {"Cookie": server.cookie}, holds=THEIRS)

    def list_of_floor(self, size: int) -> Target:
        server = self.floor(size)
        return Target(server.pid, server.port, "/users", {"Cookie": server.cookie}, holds=BARE)

    def api(self, server: Server, path: str, scheme: str, holds: str = "") -> Target:
        """A GET by a script: Bearer with the product's API token, Token with DRF's, or Basic with the password."""
        word = servers.basic() if scheme == "Basic" else f"{scheme} {server.token}"
        return Target(server.pid, server.port, path, {"Authorization": word}, holds=holds)

    def _middle(self, size: int) -> tuple[str, int]:
        with closing(sqlite3.connect(self.stores.product(size) / "webadmin.db")) as store:
            found: tuple[str, int] = store.execute(
                "SELECT display_key, id FROM account WHERE shelf = 0 ORDER BY display_key, id LIMIT 1 OFFSET ?", (size // 2,)).fetchone()
        return found

    def _started(self, name: str, server: Server) -> Server:
        server.start()
        self.running[name] = server
        return server
