"""Writers of a SQLite file wait here in turn, over all processes: none starves while it polls the engine's own lock."""
from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

from peewee import OperationalError

BUSY_MS = 10_000
LONGEST_PAUSE_SECONDS = 0.01


class WriteQueue:
    """One writer at a time: a lock for this process's threads, then an advisory lock on a file for the other processes."""

    def __init__(self, path: Path):
        self.path, self.threads, self.file, self.pid = path, threading.Lock(), -1, 0
        self.nothing = threading.Event()

    def __enter__(self) -> None:
        if not self.threads.acquire(timeout=BUSY_MS / 1000):
            raise OperationalError("too many writers wait for the database")
        try:
            if self.pid != os.getpid():   # a lock inherited over a fork would be shared, and so hold nobody off
                self.file, self.pid = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), os.getpid()
            self._wait()
        except OSError as wrong:
            self.threads.release()
            raise OperationalError(f"the database cannot be written: {wrong.strerror}") from wrong

    def _wait(self) -> None:
        """Ask again and again, for BUSY_MS: a wait inside the kernel would have no end behind a program that hangs."""
        last_moment, pause = time.monotonic() + BUSY_MS / 1000, 0.0005
        while True:
            try:
                return fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > last_moment:
                    raise
            self.nothing.wait(pause)      # as time.sleep, which fails where the clock is a made-up one
            pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)
        self.threads.release()
