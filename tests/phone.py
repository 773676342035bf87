"""An authenticator app for tests."""
from __future__ import annotations

import pyotp

from webadmin.store import database


class Phone:
    """It knows a secret and the time, nothing else."""

    def __init__(self, secret: str):
        self.app = pyotp.TOTP(secret.replace(" ", ""))
        self.codes: list[str] = []      # for recovery, once it has been given some

    def code(self, steps_on: int = 0) -> str:
        return self.app.at(database.now() // 1000 + 30 * steps_on)

    def wrong(self) -> str:
        near = {self.code(each) for each in range(-2, 3)}
        return next(each for each in ("123456", "654321", "111111", "222222", "333333", "444444") if each not in near)
