"""What a process remembers of passwords that bcrypt has checked, for credentials that come with every request: keyed digests."""
from __future__ import annotations

import hmac
import secrets
import threading
import time

from webadmin.accounts.models import Account

_process_key = secrets.token_bytes(32)


def proof(account: Account, password: str) -> bytes:
    """The digest of a right password. Another password, hash or epoch is another one."""
    text = f"{account.id} {account.epoch} {account.password_hash}\0{password}"
    return hmac.digest(_process_key, text.encode("utf-8", "surrogatepass"), "sha256")


class Memory:
    """What was proved in the last SECONDS, by digest; at most MOST, the oldest forgotten first."""

    SECONDS, MOST = 300, 10_000

    def __init__(self) -> None:
        self.until: dict[bytes, float] = {}
        self.lock = threading.Lock()

    def knows(self, proof: bytes) -> bool:
        return self.until.get(proof, 0) > time.monotonic()

    def add(self, proof: bytes) -> None:
        with self.lock:
            self.until.pop(proof, None)
            self.until[proof] = time.monotonic() + self.SECONDS
            while len(self.until) > self.MOST:
                del self.until[next(iter(self.until))]
