"""The server: several waitress processes on one listening socket; the parent watches, replaces and stops them.

The parent binds, lets the caller begin, and forks. Nothing that cannot cross a fork (a database connection, a thread)
may be open by then. What a child does with its connections is in listener.py.
A child that hears SIGTERM or SIGINT, or loses its parent, stops accepting, finishes what runs and ends.
"""
from __future__ import annotations

import errno
import gc
import logging
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Never

from waitress import wasyncore
from waitress.adjustments import Adjustments

from webadmin import counters
from webadmin.serving import logs, sharing
from webadmin.serving.listener import Listener
from webadmin.settings import Settings

App = Callable[..., Any]
DRAIN_SECONDS = 10             # for requests that run when the server is told to stop
QUICK_SECONDS = 1              # a process that lived no longer never really started
ROUNDS = 5                     # of all processes failing at start, before the parent gives up
LONGEST_BACK_OFF_SECONDS = 5
OPEN_FILES = 4096              # 1,000 connections in a process, each with up to two files for long bodies, and the database's
HEADER_BYTES = 16 * 1024
BODY_BYTES = 17 * 1024 * 1024  # above what any page takes, so that the page itself can say what is too long
START_FAILED = 3

log = logging.getLogger(__name__)


class Stop:
    """The wish to stop: set by a signal, or in a child by the parent's end; wakes whoever waits."""
    asked = False

    def __init__(self) -> None:
        self.wake: Callable[[], object] = lambda: None

    def __call__(self, *_signal: Any) -> None:
        self.asked = True
        self.wake()


def serve(answering: Callable[[], App], settings: Settings, begin: Callable[[], None]) -> int:
    """Serve until told to stop; the exit code.

    `begin` runs once, after the port is taken and before anything is answered: it prepares and says what is worth saying;
    what it raises ends the server. `answering` runs in each child and returns what it answers with.
    """
    try:
        listening = _listen(settings.host, settings.port)
    except OSError as wrong:
        print(_why_not(wrong, settings), file=sys.stderr)
        return 1
    with listening:
        logs.as_json_lines()
        _allow_open_files()
        stop = Stop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        begin()
        gc.freeze()  # what is loaded by now stays shared between the processes
        return _Parent(answering, settings, listening, stop).run()


def _listen(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return socket.create_server(address[:2], family=family, backlog=1024, dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6())


def _why_not(wrong: OSError, settings: Settings) -> str:
    if wrong.errno == errno.EADDRINUSE:
        return f"Port {settings.port} is taken by another program: end that one, or choose another port with WEBADMIN_PORT."
    if wrong.errno == errno.EACCES:
        return f"Port {settings.port} needs more rights than this account has: choose one above 1023 with WEBADMIN_PORT."
    return f"{settings.host} port {settings.port} cannot be used ({wrong.strerror}): check WEBADMIN_HOST and WEBADMIN_PORT."


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Parent:
    def __init__(self, answering: Callable[[], App], settings: Settings, listening: socket.socket, stop: Stop) -> None:
        self.answering, self.settings, self.listening, self.stop = answering, settings, listening, stop
        self.children: dict[int, float] = {}  # process id -> when it was started
        self.places: dict[int, int] = {}      # process id -> where it counts
        self.quick_ends = 0                   # in a row
        self.start_again_at = 0.0
        self.pairs = sharing.pairs(settings.workers)
        self.lifeline, self.held = os.pipe()  # nobody writes: children read its end when the parent's own end closes
        self.events, self.ring = os.pipe()
        os.set_blocking(self.ring, False)

    def run(self) -> int:
        signal.set_wakeup_fd(self.ring, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # its arrival in `events` is all that is wanted
        while not self.stop.asked:
            self._wait(self._start_missing())
            self._bury()
            if not self.children and self.quick_ends >= ROUNDS * self.settings.workers:
                print(f"webadmin gives up: every process ended at once, {ROUNDS} times in a row; the lines above say why.", file=sys.stderr)
                return 1
        self._end_children()
        return 0

    def _start_missing(self) -> float | None:
        """Start the children that are missing, or say how many seconds from now."""
        missing = self.settings.workers - len(self.children)
        early = self.start_again_at - time.monotonic()
        if missing and early > 0:
            return early
        for _ in range(missing):
            self._start_child()
        return None

    def _start_child(self) -> None:
        place = min(set(range(self.settings.workers)) - set(self.places.values()))
        pid = os.fork()
        if not pid:
            os.close(self.held)
            counters.take_place(place)
            _child(lambda: self._open(place), self.lifeline, self.stop)
        self.children[pid], self.places[pid] = time.monotonic(), place

    def _open(self, place: int) -> Listener:
        """In the child."""
        listener = _open(self.answering(), self.settings, self.listening)
        if sys.platform == "linux":      # elsewhere a descriptor may be lost that is closed here before it is taken there
            listener.share(self.pairs, place)
        return listener

    def _wait(self, seconds: float | None) -> None:
        if select.select([self.events], [], [], seconds)[0]:
            os.read(self.events, 4096)

    def _bury(self) -> None:
        """Note which children have ended, and when to start others in their place."""
        for pid, code in _ended():
            started, _ = self.children.pop(pid, None), self.places.pop(pid, None)
            if started is None or self.stop.asked:
                continue
            log.warning("process %d ended with %d; another takes its place", pid, code)
            now = time.monotonic()
            at_once = code == START_FAILED or now - started < QUICK_SECONDS
            self.quick_ends = self.quick_ends + 1 if at_once else 0
            rounds = self.quick_ends // self.settings.workers
            self.start_again_at = now + min(0.05 * 2**rounds, LONGEST_BACK_OFF_SECONDS) if at_once else 0.0

    def _end_children(self) -> None:
        for pid in self.children:
            os.kill(pid, signal.SIGTERM)
        last_moment = time.monotonic() + DRAIN_SECONDS + 1
        while self.children and (left := last_moment - time.monotonic()) > 0:
            self._wait(left)
            self._bury()
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)


def _ended() -> list[tuple[int, int]]:
    """Children that have ended: process id and exit code, negative for a signal."""
    found = []
    try:
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((child[0], os.waitstatus_to_exitcode(child[1])))
    except ChildProcessError:
        pass
    return found


def _child(opened: Callable[[], Listener], lifeline: int, stop: Stop) -> Never:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        threading.Thread(target=_stop_with_parent, args=(lifeline, stop), daemon=True).start()
        code = _answer(opened, stop)
    except BaseException:
        log.exception("a process failed")
    finally:
        os._exit(code)  # never back into the parent's code


def _stop_with_parent(lifeline: int, stop: Stop) -> None:
    os.read(lifeline, 1)  # returns when the parent is gone, however it went
    stop()


def _answer(opened: Callable[[], Listener], stop: Stop) -> int:
    try:
        listener = opened()
    except Exception:
        log.exception("a process could not start")
        return START_FAILED
    stop.wake = listener.pull_trigger
    while not stop.asked:
        wasyncore.loop(timeout=listener.look_seconds(), use_poll=True, map=listener._map, count=1)
    listener.stop_accepting()
    last_moment = time.monotonic() + DRAIN_SECONDS
    wasyncore.loop(timeout=0, use_poll=True, map=listener._map, count=2)  # take and read what has arrived before asking who is busy
    while listener.busy() and time.monotonic() < last_moment:
        wasyncore.loop(timeout=0.1, use_poll=True, map=listener._map, count=1)
    return 0


def _open(app: App, settings: Settings, listening: socket.socket) -> Listener:
    behind_proxy = settings.proxies > 0
    adjustments = Adjustments(
        threads=settings.threads, connection_limit=1000, expose_tracebacks=False, ident=None,
        max_request_header_size=HEADER_BYTES, max_request_body_size=BODY_BYTES,
        clear_untrusted_proxy_headers=not behind_proxy)  # behind a proxy the app itself reads the trusted ones
    where = (listening.family, listening.type, listening.proto, listening.getsockname())
    return Listener(app, map={}, _sock=listening, bind_socket=False, sockinfo=where, adj=adjustments)
