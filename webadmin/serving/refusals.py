"""Who was told to come back later and asks on, and what very many ask for at once.

A flood must not take the pages' share. So the one hears the same answer again, without a thread and a moment later each time; the others
are heard a moment later.
"""
from __future__ import annotations

import time
from collections import Counter
from typing import Any, NamedTuple

from waitress.parser import HTTPRequestParser

# A second is the shortest time that anyone is told to wait.
TOLD_TO_WAIT = (429, 503)
TOLD_SECONDS = 1

TOLD_OFTEN = 10
DEAF_SECONDS = 0.05            # well under the tenth of a second in which a refusal is to come
ASKING_SECONDS = 0.1
CROWD = 20                     # refusals of the same, in TOLD_SECONDS
CROWD_SECONDS = 0.06


class Refusal(NamedTuple):
    """An answer that holds for a moment, for whoever asks the same, so that nobody gets another one's. What a body asks for is not known
    here: such an answer is given again only where it is the same for all of a source."""

    asked: tuple[str, ...]
    for_all: bool
    answer: bytes
    closes: bool              # the connection, as the client wished
    line: dict[str, Any]      # of the log
    until: float

    def is_fresh(self) -> bool:
        return time.monotonic() < self.until


NO_REFUSAL = Refusal((), False, b"", False, {}, 0)


def asked_of(request: HTTPRequestParser) -> tuple[str, ...]:
    return (request.first_line, *(request.headers.get(name, "") for name in ("HOST", "COOKIE", "AUTHORIZATION", "CONNECTION")))


class Told:
    """What somebody was told in a row, to come back later."""

    def __init__(self) -> None:
        self.refusals, self.refusal = 0, NO_REFUSAL

    def again(self, refusal: Refusal) -> None:
        goes_on = time.monotonic() < self.refusal.until + TOLD_SECONDS
        self.refusals = self.refusals + 1 if goes_on else 1
        self.refusal = refusal

    def is_fresh(self) -> bool:
        return self.refusals >= TOLD_OFTEN and self.refusal.is_fresh()

    def answer(self, request: HTTPRequestParser) -> Refusal | None:
        """What answers this request too. Other threads may put another in its place meanwhile.

        When its time is over one request is let through to ask anew; those that come before it has its answer hear the old one.
        """
        refusal = self.refusal
        known = self.refusals >= TOLD_OFTEN and not request.error and refusal.asked == asked_of(request)
        if not known or request.body_rcv and not refusal.for_all:
            return None
        if not refusal.is_fresh():
            if time.monotonic() < refusal.until + TOLD_SECONDS:
                self.refusal = refusal._replace(until=time.monotonic() + ASKING_SECONDS)
            return None
        return refusal


class Crowds:
    """What so many were told to come back for, whoever they are, that it is answered a moment later. Threads may miscount."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()      # by what was asked, in these TOLD_SECONDS
        self.began = 0.0
        self.until: dict[str, float] = {}

    def refuse(self, request: HTTPRequestParser) -> None:
        now, asked = time.monotonic(), _kind_of(request)
        if now - self.began > TOLD_SECONDS:
            self.refused.clear()
            self.began, self.until = now, {each: until for each, until in list(self.until.items()) if until > now}
        self.refused[asked] += 1
        if self.refused[asked] >= CROWD:
            self.until[asked] = now + TOLD_SECONDS

    def ask_for(self, request: HTTPRequestParser) -> bool:
        return bool(self.until) and not request.error and self.until.get(_kind_of(request), 0) > time.monotonic()


def _kind_of(request: HTTPRequestParser) -> str:
    """By Basic any path asks for a sign-in."""
    return "Basic" if request.headers.get("AUTHORIZATION", "")[:5].lower() == "basic" else f"{request.command} {request.path}"
