"""What a process remembers of passwords that bcrypt has checked, for credentials that come with every request: keyed digests."""
from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from webadmin.accounts import hashing, names
from webadmin.accounts.models import Account

LONGEST_WAIT_SECONDS = 10

_process_key = secrets.token_bytes(32)


def of(account: Account | None, name: str, password: str) -> bytes:
    """The digest of a right password. Another password, hash or epoch is another one. That of a name without an account proves nothing."""
    who = f"{account.id} {account.epoch} {account.password_hash}" if account else f"- {names.key(name)}"
    return hmac.digest(_process_key, f"{who}\0{password}".encode("utf-8", "surrogatepass"), "sha256")


class Memory:
    """What was proved in the last SECONDS, by digest; at most MOST, the oldest forgotten first. Somebody is to prove it again EARLY
    seconds before that, or all connections of a script would find it gone at the same moment."""

    SECONDS, EARLY, MOST = 300, 60, 10_000

    def __init__(self) -> None:
        self.until: dict[bytes, float] = {}
        self.lock = threading.Lock()
        self.checking: dict[bytes, threading.Event] = {}
        self.waiting = 0

    def knows(self, proof: bytes) -> bool:
        return self.until.get(proof, 0) > time.monotonic()

    def is_fresh(self, proof: bytes) -> bool:
        """It is known, and nobody needs to prove it again just now."""
        left = self.until.get(proof, 0) - time.monotonic()
        return left > self.EARLY or left > 0 and proof in self.checking

    def add(self, proof: bytes) -> None:
        with self.lock:
            self.until.pop(proof, None)
            self.until[proof] = time.monotonic() + self.SECONDS
            while len(self.until) > self.MOST:
                del self.until[next(iter(self.until))]

    @contextmanager
    def check(self, proof: bytes) -> Iterator[bool]:
        """Around a check: True for the first who brings it. Whoever brings the same meanwhile waits for the outcome, where
        hashing.shares have room for them, and may find it known then."""
        with self.lock:
            under_way = self.checking.get(proof)
            mine = threading.Event()
            self.checking.setdefault(proof, mine)
            waits = under_way is not None and self.waiting < hashing.shares.on_another
            self.waiting += waits
        try:
            if under_way and waits:
                under_way.wait(LONGEST_WAIT_SECONDS)
                with self.lock:
                    self.waiting -= 1
            yield under_way is None
        finally:
            if under_way is None:
                with self.lock:
                    del self.checking[proof]
                mine.set()
