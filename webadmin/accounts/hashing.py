"""The one thread of a web process that hashes, behind all others, and who waits for it."""
from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from webadmin import counters
from webadmin.accounts import sources
from webadmin.accounts.errors import Busy

NICENESS = 9
THREADS = 16     # of a process, as settings has them
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Shares:
    """How many threads of a process passwords may hold at once: the rest serve."""

    hashing: int           # the one that is checked, and those that wait for it; beyond, 503
    of_one_source: int     # among them
    of_one_device: int     # among them, that has signed in before
    of_suspects: int       # no more than these, where a source that failed lately asks for one
    on_another: int        # that wait for another's check of the same password


def shares_of(threads: int) -> Shares:
    """9, 6, 2, 6 and 4 of sixteen threads or more; of fewer the same part, though one is always checked, and two of one source may ask."""
    some = min(threads, THREADS)
    whole, part = max(1, some * 9 // THREADS), max(1, some * 6 // THREADS)
    two = min(2, whole)
    return Shares(whole, max(part, two), two, part, some // 4)


quick, shares = False, shares_of(THREADS)    # set by configure


def configure(*, is_quick: bool, threads: int) -> None:
    """`is_quick`: a check takes no time, as in tests. `threads` of each process. Before the first hashing of a process."""
    global quick, shares, _turn
    quick, shares = is_quick, shares_of(threads)
    _turn = Turn()


def _step_back() -> None:
    """Behind what serves pages, though not so far that a good sign-in waits for seconds beside busy ones (docs/security.md, R10). A quick
    hash, in tests, would only be waited for. Only Linux gives one thread a priority of its own."""
    with suppress(AttributeError, OSError):
        if not quick:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Turn:
    """One thread of low priority: all cores hash when nothing else runs, and a flood never stops the pages.

    Sources take turns, so that whoever asks once waits for one of a flood's checks and not for all of them. Some places, and two turns of
    three, are for sources that did not fail lately; and of these the last comer is heard as often as the first, for what waited before may
    all be a flood of many addresses.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.held, self.turns = 0, 0      # places, and checks so far
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="hashing", initializer=_step_back)
        self.lock = threading.Lock()
        self.waiting: dict[str, deque[tuple[Callable[[], Any], Future[Any]]]] = {}      # by source, the next one first

    @contextmanager
    def place_of(self, source: str) -> Iterator[None]:
        """Raises Busy where too many are held: for a suspect, so many that others would find none."""
        suspect = sources.is_suspect(source)
        with self.lock:
            if self.held >= (shares.of_suspects if suspect else shares.hashing):
                raise Busy(unheard_seconds=sources.UNHEARD_SECONDS if suspect else 0)
            self.held += 1
        try:
            yield
        finally:
            with self.lock:
                self.held -= 1

    def submit(self, source: str, work: Callable[[], _Result]) -> Future[_Result]:
        future: Future[_Result] = Future()
        with self.lock:
            self.waiting.setdefault(source, deque()).append((work, future))
        self.thread.submit(self._do_next)
        return future

    def _do_next(self) -> None:
        with self.lock:
            source = self._next_source()
            queue = self.waiting.pop(source)
            work, future = queue.popleft()
            if queue:
                self.waiting[source] = queue      # behind the others
        try:
            future.set_result(work())
        except BaseException as wrong:
            future.set_exception(wrong)

    def _next_source(self) -> str:
        """Of three turns one is the last comer's, one the first comer's, and one that of the first suspect."""
        self.turns += 1
        good = [each for each in self.waiting if not sources.is_suspect(each)]
        if not good or self.turns % 3 == 0:
            return next((each for each in self.waiting if each not in good), good[0] if good else "")
        return good[-1 if self.turns % 3 == 1 else 0]


_turn = Turn()


def must_have_room(source: str) -> None:
    """Raises Busy where too many wait already: asked before anything is written for an attempt that would not be heard."""
    with this_process().place_of(source):
        pass


def in_turn(work: Callable[[], _Result], *, source: str = "") -> _Result:
    """Run `work` on the hashing thread and wait. Raises Busy where too many wait already."""
    turn = this_process()
    with turn.place_of(source):
        counters.add("hashing")
        try:
            return turn.submit(source, work).result()
        finally:
            counters.add("hashing", -1)


def this_process() -> Turn:
    """The turn of the process that asks."""
    global _turn
    if _turn.pid != os.getpid():      # the parent's thread does not live in a child
        _turn = Turn()
    return _turn


def rest() -> None:
    """End the thread; the next hashing begins another. No thread may run where the server forks: what it holds just then stays held."""
    global _turn
    _turn.thread.shutdown()
    _turn = Turn()
