"""Mixed work that goes on through failures, with a journal of what was acknowledged and of what was answered when."""
from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.drills.console import BASIC, Client, Console, must_add_up

PAUSE_SECONDS = 0.02


class Worker(threading.Thread):
    """Makes accounts, gives them tokens, reads and deletes them. No name is used twice, so that no answer depends on one that was lost."""

    def __init__(self, console: Console, name: str):
        super().__init__()
        self.console, self.prefix, self.number = console, name, 0
        self.made: set[str] = set()
        self.deleted: set[str] = set()
        self.asked: dict[str, int] = {}                     # how often an account's token was asked for
        self.renewed: dict[str, int] = {}                   # and how often that was acknowledged
        self.answers: list[tuple[float, int]] = []          # when, and the status; 0 for no answer at all
        self.wrong: list[str] = []
        self.enough = False

    def run(self) -> None:
        while not self.enough:
            with contextlib.closing(Client(self.console.port, 60)) as client, contextlib.suppress(OSError, http.client.HTTPException):
                while not self.enough:
                    self._once(client)
                return
            self.answers.append((time.monotonic(), 0))

    def _once(self, client: Client) -> None:
        self.number += 1
        name = f"{self.prefix}-{self.number}"
        if self._ask(client, "POST", f"/api/v2/users/{name}", {"password": f"{name} and a long tail"}):
            self.made.add(name)
            self.asked[name] = 1
            self.renewed[name] = self._ask(client, "POST", f"/api/v2/users/{name}/refresh")
            self._ask(client, "GET", f"/api/v2/users/{name}")
            if self.number % 3 == 0 and self._ask(client, "DELETE", f"/api/v2/users/{name}"):
                self.deleted.add(name)
        time.sleep(PAUSE_SECONDS)

    def _ask(self, client: Client, method: str, path: str, body: Any = None) -> bool:
        status, text = client.send(method, path, body, Authorization=BASIC)
        self.answers.append((time.monotonic(), status))
        if status not in (200, 503):
            self.wrong.append(f"{method} {path}: {status} {text[:200]!r}")
        return status == 200


def write(console: Console) -> int:
    """The status of one write."""
    with contextlib.closing(Client(console.port, 60)) as client:
        return client.send("POST", "/api/v2/users/ada/refresh", Authorization=BASIC)[0]


@contextlib.contextmanager
def at_work(console: Console, name: str, count: int = 4) -> Iterator[list[Worker]]:
    """Workers that work for as long as the block runs."""
    workers = [Worker(console, f"{name}-{number}") for number in range(count)]
    for worker in workers:
        worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            worker.enough = True
        for worker in workers:
            worker.join()


def answers(workers: list[Worker], since: float = 0, until: float = float("inf")) -> list[int]:
    """The statuses of that time, in their order."""
    return [status for at, status in sorted(each for worker in workers for each in worker.answers) if since <= at < until]


def first_success(workers: list[Worker], since: float) -> float:
    """Seconds until every worker had been answered well."""
    return max(min(at for at, status in worker.answers if at >= since and status == 200) for worker in workers) - since


def must_hold(workers: list[Worker], ask: Callable[[str], list[tuple[Any, ...]]]) -> tuple[int, int]:
    """All that was acknowledged is there, nothing happened twice, and every write has its entry. Returns how many were made and deleted."""
    assert not any(worker.wrong for worker in workers), [worker.wrong[:3] for worker in workers]
    made, deleted = (set().union(*(getattr(worker, kind) for worker in workers)) for kind in ("made", "deleted"))
    stored = dict(ask("SELECT username, deleted_at FROM account"))
    assert made <= set(stored), f"lost: {sorted(made - set(stored))}"
    assert all(stored[name] for name in deleted)
    written = dict(ask("SELECT username, (SELECT count(*) FROM \"change\" WHERE account_id = account.id AND kind = 'token') FROM account"))
    for worker in workers:
        assert all(worker.renewed[name] <= written[name] <= worker.asked[name] for name in worker.made)
    must_add_up(ask)
    return len(made), len(deleted)
