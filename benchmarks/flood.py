"""`python -m benchmarks.flood PORT SECONDS one|many`: eight clients that try wrong passwords, each as fast as it is answered.

From one address they are soon turned away by the throttle; from ever new ones, and for ever new names, each attempt is hashed.
"""
from __future__ import annotations

import contextlib
import http.client
import json
import sys
import threading
import time
from collections import Counter

from benchmarks.servers import ask

CLIENTS = 8
ADDRESS = "127.0.0.2"      # the good client has 127.0.0.1, or the throttle would answer it too


def knock(client: int, port: int, until: float, many: bool, told: Counter[int]) -> None:
    number = 0
    while time.monotonic() < until:
        number += 1
        source = f"127.{client + 1}.{number // 250 % 250}.{number % 250 + 1}" if many else ADDRESS
        body = json.dumps({"login": f"nobody{client}.{number}", "password": "a wrong password"})
        with contextlib.suppress(OSError, http.client.HTTPException):
            told[ask(port, "POST", "/api/v1/login", body, source, Content_Type="application/json")[0]] += 1


def main() -> None:
    port, until, many = int(sys.argv[1]), time.monotonic() + float(sys.argv[2]), sys.argv[3] == "many"
    told: Counter[int] = Counter()
    clients = [threading.Thread(target=knock, args=(client, port, until, many, told)) for client in range(CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
