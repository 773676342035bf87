"""Ports for servers of tests."""
from __future__ import annotations

import os
import random
import socket

LOWEST, HIGHEST = 15_000, 32_000      # below those that connections to somewhere else are given


def free_port() -> int:
    """One that nobody listens on. No outgoing connection takes it before the server does, and hardly another test."""
    chance = random.Random(os.urandom(8))
    for _ in range(100):
        number = chance.randrange(LOWEST, HIGHEST)
        try:
            with socket.create_server(("127.0.0.1", number)):
                return number
        except OSError:
            continue
    raise OSError("no port is free")
