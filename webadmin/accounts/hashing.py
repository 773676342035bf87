"""The threads of a web process that hash, behind all others, and who waits for them."""
from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

from webadmin import counters
from webadmin.accounts import sources
from webadmin.accounts.errors import Busy
from webadmin.accounts.sources import Trust

NICENESS = {Trust.KNOWN: 1, Trust.NEW: 2, Trust.SUSPECT: 15}
RESTS = {Trust.SUSPECT: 1}      # after each check, so many times as long as it took
LONGEST_REST_SECONDS = 1
PATIENCE_SECONDS = 1            # until the first who waits may have to give way
THREADS = 16     # of a process, as settings has them
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Shares:
    """How many threads of a process passwords may hold at once: the rest serve."""

    hashing: int           # those that are checked, and those that wait for it; beyond, 503
    of_new: int            # no more than these, where a source that is not known asks for one
    of_suspects: int       # ... where one that failed lately does
    of_one_source: int     # among them
    of_one_device: int     # among them, that has signed in before
    on_another: int        # that wait for another's check of the same password

    def of(self, trust: Trust) -> int:
        return (self.of_suspects, self.of_new, self.hashing)[trust]

    def own(self, trust: Trust) -> int:
        """Places that it finds even where others hold all."""
        return self.of(trust) - self.of(Trust(trust - 1)) if trust else 0


def shares_of(threads: int) -> Shares:
    """9, 7, 5, 6, 2 and 4 of sixteen threads or more; of fewer the same part, but one at least, and two of one source."""
    some = min(threads, THREADS)
    whole, of_new, of_suspects, of_one = (max(1, some * each // THREADS) for each in (9, 7, 5, 6))
    two = min(2, whole)
    of_new = max(of_new, min(whole, of_suspects + 1))
    left = some - whole - (of_new - of_suspects) - 1
    return Shares(whole, of_new, of_suspects, max(of_one, two), two, min(some // 4, max(0, left)))


quick, shares = False, shares_of(THREADS)    # set by configure


def configure(*, is_quick: bool, threads: int) -> None:
    """`is_quick`: a check takes no time, as in tests. `threads` of each process. Before the first hashing of a process."""
    global quick, shares, _turn
    quick, shares = is_quick, shares_of(threads)
    _turn = Turn()


def _step_back(niceness: int) -> None:
    """Behind what serves pages, though not so far that a good sign-in waits for seconds beside busy ones (docs/security.md, R10). A quick
    hash, in tests, would only be waited for. Only Linux gives one thread a priority of its own."""
    with suppress(AttributeError, OSError):
        if not quick:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


class Turn:
    """Threads of low priority: all cores hash when nothing else runs, and a flood never stops the pages.

    One for each trust, the lower behind the higher, so that the checks of a flood hold up nobody's who is known, nor those of guessers
    anybody's who comes for the first time. Of those the first gives way, once he has waited for some time, to who finds no place.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.held: Counter[Trust] = Counter()      # places
        self.lock = threading.Lock()
        self.lanes = {trust: Lane(niceness, RESTS.get(trust, 0)) for trust, niceness in NICENESS.items()}

    @contextmanager
    def place_of(self, source: str) -> Iterator[None]:
        """Raises Busy where too many are held: so many that those who are trusted more would find none."""
        trust = sources.trust_of(source)
        with self.lock:
            if not self._has_place(trust) and not (trust == Trust.NEW and self.lanes[trust].give_way()):
                raise _busy(trust)
            self.held[trust] += 1
        try:
            yield
        finally:
            with self.lock:
                self.held[trust] -= 1

    def must_have_room(self, source: str) -> None:
        trust = sources.trust_of(source)
        if not self._has_place(trust) and not (trust == Trust.NEW and self.lanes[trust].may_give_way()):
            raise _busy(trust)

    def _has_place(self, trust: Trust) -> bool:
        """Among all; or among its own, whoever holds the others."""
        return self.held.total() < shares.of(trust) or self.held[trust] < shares.own(trust)

    def submit(self, source: str, work: Callable[[], _Result]) -> Future[_Result]:
        return self.lanes[sources.trust_of(source)].submit(source, work)

    def end(self) -> None:
        for lane in self.lanes.values():
            lane.thread.shutdown()


def _busy(trust: Trust) -> Busy:
    return Busy(unheard_seconds=0 if trust else sources.UNHEARD_SECONDS)


class _Waiting(NamedTuple):
    work: Callable[[], Any]
    future: Future[Any]
    since: float


class Lane:
    """One thread, and who waits for it. Sources take turns, so that whoever asks once waits for one of another's checks and not for all of
    them. Two turns of three are the last comer's, for what waited before may all be a flood of many addresses."""

    def __init__(self, niceness: int, rest: float) -> None:
        self.rest, self.turns, self.gave_way = rest, 0, 0.0
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="hashing", initializer=partial(_step_back, niceness))
        self.lock = threading.RLock()
        self.waiting: dict[str, deque[_Waiting]] = {}      # by source, the next one first

    def submit(self, source: str, work: Callable[[], _Result]) -> Future[_Result]:
        future: Future[_Result] = Future()
        with self.lock:
            self.waiting.setdefault(source, deque()).append(_Waiting(work, future, time.monotonic()))
        self.thread.submit(self._do_next)
        return future

    def may_give_way(self) -> bool:
        with self.lock:
            first = next(iter(self.waiting.values()), None)
            return first is not None and time.monotonic() - max(first[0].since, self.gave_way) > PATIENCE_SECONDS

    def give_way(self) -> bool:
        """Refuse the first comer, if he has waited long enough, for whoever comes now."""
        with self.lock:
            if not self.may_give_way():
                return False
            refused, self.gave_way = self._take(next(iter(self.waiting))), time.monotonic()
        refused.future.set_exception(Busy())
        return True

    def _do_next(self) -> None:
        with self.lock:
            if not self.waiting:      # he gave way
                return
            self.turns += 1
            last = self.turns % 3 != 0
            work, future, _ = self._take(next(reversed(self.waiting) if last else iter(self.waiting)), last)
        begun = time.monotonic()
        try:
            future.set_result(work())
        except BaseException as wrong:
            future.set_exception(wrong)
        time.sleep(min(self.rest * (time.monotonic() - begun), LONGEST_REST_SECONDS))

    def _take(self, source: str, last: bool = False) -> _Waiting:
        """The first of this source, which stands behind the others then."""
        queue = self.waiting.pop(source)
        taken = queue.popleft()
        if queue:
            if last:
                self.waiting = {source: queue, **self.waiting}
            else:
                self.waiting[source] = queue
        return taken


_turn = Turn()


def must_have_room(source: str) -> None:
    """Raises Busy where too many wait already: asked before anything is written for an attempt that would not be heard."""
    this_process().must_have_room(source)


def in_turn(work: Callable[[], _Result], *, source: str = "") -> _Result:
    """Run `work` on a hashing thread and wait. Raises Busy where too many wait already."""
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
    """End the threads; the next hashing begins others. No thread may run where the server forks: what it holds just then stays held."""
    global _turn
    _turn.end()
    _turn = Turn()
