"""The server in real processes, with a tiny app: nothing here needs a database."""
from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser

from tests.ports import free_port
from webadmin.security import LONGEST_BODY
from webadmin.serving import refusals, sharing
from webadmin.serving.answers import Request

ROOT = Path(__file__).resolve().parent.parent
HELPER = """
import os, sys, time
from webadmin.serving import answers, connections, listener, refusals, server
from webadmin.settings import load

if os.environ.get("HURRY"):
    listener.SWEEP_SECONDS = connections.SILENT_SECONDS = connections.REQUEST_SECONDS = 1

def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        open(f"{os.environ['WEBADMIN_DATA']}/{time.monotonic_ns()}.begun", "x").close()
    if environ["PATH_INFO"] == "/twelve":
        app.asked = getattr(app, "asked", 0) + 1
        if app.asked > 10:
            start_response(environ["QUERY_STRING"][7:] or "200 OK", [("Content-Length", "4")])
            return [b"well"]
    if environ["PATH_INFO"] in ("/refused", "/twelve"):
        app.asked = getattr(app, "asked", 0) + (environ["PATH_INFO"] == "/refused")
        if environ["QUERY_STRING"].startswith("source"):
            environ[answers.WHOLE_SOURCE] = refusals.TOLD_SECONDS
        cookie = [("Set-Cookie", "a=b")] if environ["QUERY_STRING"] == "cookie" else []
        answer = f"refused {app.asked}".encode()
        start_response("429 Too Many Requests", [("Content-Length", str(len(answer))), ("Retry-After", "1"), *cookie])
        return [answer]
    time.sleep({"/slow": 1, "/slower": 2.5}.get(environ["PATH_INFO"], 0))
    answer = b"x" * 40_000_000 if environ["PATH_INFO"] == "/long" else str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(answer))), ("X-Request-Id", "request-1")])
    return [answer]

def create_app():
    if os.environ.get("BREAK"):
        raise RuntimeError("no app today")
    return app

sys.exit(server.serve(create_app, load(), lambda: print("ready", flush=True)))
"""


class Server:
    """A server process of the test's own, on a free port."""

    def __init__(self, folder: Path, port: int | None = None, **environment: str) -> None:
        self.port = port or free_port()
        self.log = folder / f"log-{self.port}-{time.monotonic_ns()}"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", HELPER], cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "WEBADMIN_PORT": str(self.port), "WEBADMIN_WORKERS": "2", "WEBADMIN_THREADS": "4",
                     "WEBADMIN_DATA": str(folder), **environment})
        assert self.process.stdout
        self.said = self.process.stdout.readline()

    def get(self, path: str = "/", seconds: float = 5) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=seconds) as answer:
            return str(answer.read().decode())

    def connect(self, data: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        connection.sendall(data)
        return connection

    def children(self) -> set[int]:
        """The processes that answer; as many as there are workers, once all are up."""
        found: set[int] = set()

        def complete() -> bool:
            found.add(int(self.get()))
            return len(found) == 2

        until(complete)
        return found

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def end(self) -> None:
        with self.process:
            self.process.kill()


def until(holds: Callable[[], object], seconds: float = 5) -> None:
    last_moment = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < last_moment, "it never came true"
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as started:
        def one(**given: Any) -> Server:
            server = Server(tmp_path, **given)
            started.callback(server.end)
            return server
        yield one


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()


def test_taken_port_is_refused_with_one_sentence(server: Server, start: Callable[..., Server]) -> None:
    second = start(port=server.port)
    assert second.process.wait(5) == 1
    assert second.said == ""
    assert second.log.read_text() == (f"Port {server.port} is taken by another program: "
                                      "end that one, or choose another port with WEBADMIN_PORT.\n")


def test_address_of_another_machine_is_refused_with_one_sentence(start: Callable[..., Server]) -> None:
    server = start(WEBADMIN_HOST="192.0.2.1")
    assert server.process.wait(5) == 1
    assert re.fullmatch(r"192\.0\.2\.1 port \d+ cannot be used .*WEBADMIN_HOST.*\n", server.log.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_signal_finishes_what_runs_and_ends_0(server: Server, tmp_path: Path, number: signal.Signals) -> None:
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(server.get, "/slow") for _ in range(4)]
        until(lambda: len(list(tmp_path.glob("*.begun"))) == 4)
        server.process.send_signal(number)
        assert all(each.result() for each in running)
    assert server.process.wait(3) == 0
    assert not [line for line in server.lines() if line["event"] != "request"]


def test_stop_signal_to_the_whole_group_ends_0(start: Callable[..., Server]) -> None:
    server = start()
    children = server.children()
    for pid in (*children, server.process.pid):
        os.kill(pid, signal.SIGINT)
    assert server.process.wait(3) == 0


def test_stop_does_not_wait_for_idle_or_unfinished_connections(server: Server) -> None:
    idle = server.connect(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert idle.recv(1)
    unfinished = server.connect(b"GET / HTTP/1.1\r\nHost:")
    server.process.terminate()
    assert server.process.wait(3) == 0
    idle.close()
    unfinished.close()


def test_killed_child_is_replaced(server: Server) -> None:
    before = server.children()
    os.kill(min(before), signal.SIGKILL)
    until(lambda: min(before) not in server.children())
    assert len(server.children() & before) == 1


def test_parent_gives_up_when_no_child_can_start(start: Callable[..., Server]) -> None:
    server = start(BREAK="yes")
    assert server.process.wait(10) == 1
    *lines, last = server.log.read_text().splitlines()
    assert last.startswith("webadmin gives up")
    assert "no app today" in lines[0]


def test_killed_parent_frees_the_port(server: Server, start: Callable[..., Server]) -> None:
    server.children()
    server.process.kill()
    server.process.wait()
    until(lambda: not is_open(server.port))
    assert start(port=server.port).get()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_clients_that_never_finish_stop_nobody(server: Server) -> None:
    with contextlib.ExitStack() as clients:
        for head in [b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "] * 20 + [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx"] * 40:
            clients.enter_context(server.connect(head))
        begun = time.monotonic()
        for _ in range(20):
            server.get(seconds=2)
        assert time.monotonic() - begun < 2


def test_client_that_never_reads_its_answer_holds_one_thread_only(server: Server) -> None:
    with contextlib.ExitStack() as clients:
        for _ in range(2):
            clients.enter_context(server.connect(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n"))
        time.sleep(0.2)
        assert server.get(seconds=2)


def test_silent_and_slow_clients_are_cut_off(start: Callable[..., Server]) -> None:
    server = start(HURRY="yes")
    with (server.connect(b"GET / HTTP/1.1\r\nHost:") as silent, server.connect(b"GET / HTTP/1.1\r\nX:") as dripping,
          server.connect(b"GET /long HTTP/1.1\r\nHost: a\r\n\r\n") as deaf):
        deadline = time.monotonic() + 6
        with pytest.raises(OSError):
            while time.monotonic() < deadline:
                dripping.sendall(b"x")
                time.sleep(0.2)
        assert silent.recv(1) == b""
        time.sleep(2.2)  # a second of silence and a second to the next look; reading, to see whether it is over, would be a sign of life
        assert len(received(deaf)) < 40_000_000
        assert server.get()


def received(client: socket.socket) -> bytes:
    data = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := client.recv(1 << 20):
            data += piece
    return bytes(data)


def test_request_longer_than_the_time_for_slow_clients_is_answered(start: Callable[..., Server]) -> None:
    server = start(HURRY="yes")
    assert server.get("/slower")


def test_log_has_one_line_of_json_for_a_request_without_query_or_link(server: Server) -> None:
    server.get("/users?q=secret")
    server.get("/setup/secret?x=1")
    server.get("//setup//secret")
    server.get("/%73etup/secret%0A%1B[31m%22x")
    server.get("/%C3%A5")
    until(lambda: len(server.lines()) == 5)
    assert "secret" not in server.log.read_text()
    assert "\x1b" not in server.log.read_text()
    assert sorted(str(line["path"]) for line in server.lines()) == sorted(["/users", "/setup/…", "//setup//…", "/setup/…", "/å"])
    first = next(line for line in server.lines() if line["path"] == "/users")
    assert first["method"] == "GET" and first["status"] == 200 and first["client"] == "127.0.0.1"
    assert first["request_id"] == "request-1"
    assert isinstance(first["bytes"], int) and first["bytes"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(first["time"]))


UNREADABLE = {
    431: b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 17_000 + b"\r\n\r\n",
    413: b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
    400: b"nonsense\r\n\r\n"}


def test_request_that_cannot_be_read_is_refused_safely_and_logged(server: Server) -> None:
    for status, request in UNREADABLE.items():
        with server.connect(request) as client:
            head = client.recv(65_536).decode().split("\r\n\r\n")[0]
        assert re.match(rf"HTTP/1\.[01] {status} ", head)
        assert "X-Content-Type-Options: nosniff" in head
        assert "\r\nServer:" not in head
    until(lambda: {line["status"] for line in server.lines()} == set(UNREADABLE))


def test_answers_do_not_tell_what_serves_them(server: Server) -> None:
    with server.connect(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") as client:
        assert b"server:" not in client.recv(65_536).lower()


def test_connections_that_stay_open_are_shared_out(server: Server) -> None:
    """Or whoever is quickest to take them would serve a client's eight alone."""
    server.children()
    with contextlib.ExitStack() as opened:
        def serves() -> str:
            connection = opened.enter_context(server.connect(b""))
            return told(connection, "/")[0]
        until(lambda: max(Counter(serves() for _ in range(8)).values()) == 4)


def test_a_process_that_is_stuck_is_handed_nothing(server: Server) -> None:
    stuck, other = server.children()
    with contextlib.ExitStack() as opened:
        os.kill(stuck, signal.SIGSTOP)
        time.sleep(2 * sharing.AWAKE_SECONDS)
        served = [told(opened.enter_context(server.connect(b"")), "/")[0] for _ in range(4)]
        os.kill(stuck, signal.SIGCONT)
    assert served == [str(other)] * 4
    until(lambda: server.children() == {stuck, other})


def test_one_source_does_not_take_every_connection(start: Callable[..., Server]) -> None:
    server = start(WEBADMIN_WORKERS="1")
    held = [server.connect(b"GET / HTTP/1.1\r\nHost: x\r\n") for _ in range(450)]
    with contextlib.ExitStack() as stack:
        for each in held:
            stack.enter_context(each)
        stranger = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5, source_address=("127.0.0.2", 0)))
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert stranger.recv(65536).startswith(b"HTTP/1.1 200")
        until(lambda: sum(_closed(each) for each in held) >= 40)


def _closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def told(connection: socket.socket, path: str, *headers: str, body: str = "") -> tuple[str, float]:
    """The body of the answer to one more request over this connection, and the seconds until it came."""
    begun = time.monotonic()
    connection.sendall("\r\n".join([f"POST {path} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *headers, "", body]).encode())
    answer = b""
    while not re.search(rb"\r\n\r\n[^\r]+$", answer):
        answer += connection.recv(65536)
    return answer.decode().partition("\r\n\r\n")[2], time.monotonic() - begun


def test_who_is_told_to_wait_and_does_not_hears_it_again_at_once_without_work(start: Callable[..., Server]) -> None:
    server = start(WEBADMIN_WORKERS="1")
    with server.connect(b"") as flood, server.connect(b"") as other:
        answers = [told(flood, "/refused") for _ in range(16)]
        assert [answer for answer, _ in answers] == [f"refused {min(number, 10)}" for number in range(1, 17)]
        assert max(seconds for _, seconds in answers) < 0.5
        assert told(other, "/refused")[0] == "refused 11", "another connection is another client"
        assert told(flood, "/")[0].isdigit(), "it may ask something else"
        assert told(flood, "/refused")[0] == "refused 12", "and is no flood then"
    until(lambda: [line["status"] for line in server.lines()].count(429) == 18)


def told_anew(server: Server, path: str, *headers: str, source: str = "127.0.0.1") -> tuple[str, float]:
    with socket.create_connection(("127.0.0.1", server.port), 5, (source, 0)) as connection:
        heard = told(connection, path, *headers, body="abc")
        closed = "Connection: close" in headers
        assert not closed or connection.recv(1) == b"", "the connection is closed as the client wished"
        return heard


@pytest.mark.parametrize("headers", [(), ("Connection: close",)], ids=["kept open", "closed each time"])
def test_a_source_that_is_not_heard_hears_it_again_on_new_connections(start: Callable[..., Server], headers: tuple[str, ...]) -> None:
    server = start(WEBADMIN_WORKERS="1")
    answers = [told_anew(server, "/refused?source", *headers) for _ in range(16)]
    asked = [int(answer.removeprefix("refused ")) for answer, _ in answers]
    last = asked[-1]
    assert asked[:10] == list(range(1, 11)) and set(asked[12:]) == {last} and last <= 12, "the server notes an answer once it is sent"
    assert max(seconds for _, seconds in answers) < 0.5
    assert told_anew(server, "/refused?source", *headers, source="127.0.0.2")[0] == f"refused {last + 1}", "another source is another client"
    assert told_anew(server, "/refused?source", *headers, "Cookie: device=known")[0] == f"refused {last + 2}", "so is who brings something along"
    assert told_anew(server, "/", *headers)[0].isdigit(), "pages are answered"
    time.sleep(1.1)
    assert told_anew(server, "/refused?source", *headers)[0] == f"refused {last + 3}"


def test_what_very_many_are_refused_is_answered_a_moment_later_and_nothing_else_is(start: Callable[..., Server]) -> None:
    """So many new clients would else take the pages' share, whoever they are."""
    server = start(WEBADMIN_WORKERS="1")

    def least_seconds(path: str) -> float:
        return min(told_anew(server, path)[1] for _ in range(5))
    assert least_seconds("/refused") < refusals.CROWD_SECONDS
    for _ in range(refusals.CROWD):
        told_anew(server, "/refused")
    assert least_seconds("/refused") >= refusals.CROWD_SECONDS > least_seconds("/")
    time.sleep(refusals.TOLD_SECONDS + 0.1)
    assert least_seconds("/refused") < refusals.CROWD_SECONDS


def test_by_basic_every_path_asks_for_the_same() -> None:
    crowds = refusals.Crowds()

    def asks(head: bytes) -> HTTPRequestParser:
        request = HTTPRequestParser(Adjustments())
        request.received(head + b"\r\nHost: a\r\n\r\n")
        return request
    for number in range(refusals.CROWD):
        crowds.refuse(asks(b"GET /api/v2/users/%d HTTP/1.1\r\nAuthorization: Basic %d" % (number, number)))
    assert crowds.ask_for(asks(b"GET /api/v2/users HTTP/1.1\r\nAuthorization: basic abc"))
    assert not crowds.ask_for(asks(b"GET /api/v2/users HTTP/1.1\r\nAuthorization: Bearer abc"))


def test_what_cannot_be_read_ends_the_connection_of_a_source_that_is_not_heard_too(start: Callable[..., Server]) -> None:
    """Or such connections would stay for ever, neither read nor written."""
    server = start(WEBADMIN_WORKERS="1")
    for _ in range(16):
        told_anew(server, "/refused?source")
    with server.connect(b"GET /\n HTTP/1.1\r\n\r\n") as broken:
        answer = b"".join(iter(lambda: broken.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.0 400") and {line["event"] for line in server.lines()} == {"request"}


def test_stop_answers_what_was_to_be_heard_a_moment_later(start: Callable[..., Server]) -> None:
    server = start(WEBADMIN_WORKERS="1")
    for _ in range(refusals.CROWD):
        told_anew(server, "/refused")
    with server.connect(b"POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n") as waits:
        time.sleep(refusals.CROWD_SECONDS / 3)
        begun = time.monotonic()
        server.process.terminate()
        assert b"429 Too Many" in waits.recv(4096) and server.process.wait(5) == 0 and time.monotonic() - begun < 5


def test_who_sends_before_the_answer_is_heard_a_moment_later_all_the_same(start: Callable[..., Server]) -> None:
    server = start(WEBADMIN_WORKERS="1")
    with server.connect(b"") as flood:
        for _ in range(refusals.TOLD_OFTEN):
            told(flood, "/refused")
        begun, answers = time.monotonic(), b""
        flood.sendall(b"POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" * 5)
        while answers.count(b"429 Too Many") < 5:
            answers += flood.recv(65536)
        assert time.monotonic() - begun >= 4 * refusals.DEAF_SECONDS


def test_when_its_time_is_over_one_asks_anew_and_the_others_hear_the_old_answer_meanwhile() -> None:
    request = HTTPRequestParser(Adjustments())
    request.received(b"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    refusal = refusals.Refusal(refusals.asked_of(request), True, b"wait", False, {}, time.monotonic() + 60)
    told = refusals.Told()
    for _ in range(refusals.TOLD_OFTEN):
        told.again(refusal)
    assert told.answer(request) is refusal
    told.refusal = refusal._replace(until=time.monotonic() - 0.01)
    assert told.answer(request) is None
    again = told.answer(request)
    assert again and again.answer == b"wait"
    told.refusal = refusal._replace(until=time.monotonic() - refusals.TOLD_SECONDS - 0.01)
    assert told.answer(request) is None and told.answer(request) is None, "nobody asked for so long that all is forgotten"


@pytest.mark.parametrize("status", ["", "404"])
def test_who_is_heard_at_last_is_heard_from_then_on(start: Callable[..., Server], status: str) -> None:
    server = start(WEBADMIN_WORKERS="1")
    for _ in range(13):
        told_anew(server, f"/twelve?source={status}")
    time.sleep(1.05)
    assert told_anew(server, f"/twelve?source={status}")[0] == "well"
    time.sleep(0.3)      # the server notes an answer once it is sent
    assert [told_anew(server, f"/twelve?source={status}")[0] for _ in range(5)] == ["well"] * 5


def test_who_waits_alone_makes_nobody_of_the_same_source_wait(start: Callable[..., Server]) -> None:
    server = start(WEBADMIN_WORKERS="1")
    assert [told_anew(server, "/refused")[0] for _ in range(14)][-1] == "refused 14"


def test_what_a_body_asks_for_is_looked_at_each_time(start: Callable[..., Server]) -> None:
    """It may name somebody else."""
    server = start(WEBADMIN_WORKERS="1")
    with server.connect(b"") as shared:
        assert [told(shared, "/refused", body="abc")[0] for _ in range(13)][-1] == "refused 13"


@pytest.mark.parametrize("path", ["/refused", "/refused?source"])
def test_requests_sent_all_at_once_are_all_answered(start: Callable[..., Server], path: str) -> None:
    server = start(WEBADMIN_WORKERS="1")
    with server.connect(b"") as shared:
        for _ in range(12):
            told(shared, path)
        shared.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 14)
        heard = b""
        while heard.count(b"HTTP/1.1 429") < 14:
            more = shared.recv(65536)
            assert more, heard
            heard += more
    begun = time.monotonic()
    server.process.terminate()
    server.process.wait(10)
    assert time.monotonic() - begun < 5, "no request was left behind"


def test_who_waits_is_heard_again(start: Callable[..., Server]) -> None:
    server = start(WEBADMIN_WORKERS="1")
    with server.connect(b"") as flood:
        for _ in range(12):
            last, _ = told(flood, "/refused")
        time.sleep(1.1)
        assert last == "refused 10" and told(flood, "/refused")[0] == "refused 11"


def test_no_browser_hears_what_another_was_told(start: Callable[..., Server]) -> None:
    """A proxy that nobody declared may carry two browsers over one connection."""
    server = start(WEBADMIN_WORKERS="1")
    with server.connect(b"") as shared:
        heard = [told(shared, "/refused", f"Cookie: form={each}")[0] for each in "a" * 11 + "bb"]
        assert heard[9:] == ["refused 10", "refused 10", "refused 11", "refused 11"]
        assert [told(shared, "/refused?cookie")[0] for _ in range(2)] == ["refused 12", "refused 13"]


def test_behind_a_declared_proxy_nobody_pays_for_another(start: Callable[..., Server]) -> None:
    server = start(WEBADMIN_WORKERS="1", WEBADMIN_PROXIES="1")
    with server.connect(b"") as shared:
        assert [told(shared, "/refused")[0] for _ in range(12)][-1] == "refused 12"


POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = {
    "both lengths": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, the other way round": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 39\r\n\r\n",
    "two lengths in one": POST + b"Content-Length: 0, 39\r\n\r\n",
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length in hexadecimal": POST + b"Content-Length: 0x0\r\n\r\n",
    "a length with an underline": POST + b"Content-Length: 0_0\r\n\r\n",
    "a length of other digits": POST + b"Content-Length: \xb2\r\n\r\n",
    "xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked with something": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked in two lines": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": POST.replace(b"1.1", b"1.0") + b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip": POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "chunked with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 0\r\n\r\n",
    "a tab before the colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "a header without a name": POST + b": x\r\n\r\n",
    "a header without a colon": POST + b"Foo\r\n\r\n",
    "a space in a name": POST + b"Foo Bar: x\r\n\r\n",
    "a zero in a header": POST + b"Foo: a\0b\r\n\r\n",
    "a lone line feed": b"GET / HTTP/1.1\nHost: a\n\n",
    "a lone carriage return": POST + b"Foo: a\rContent-Length: 39\r\n\r\n",
    "a chunk of no number": POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    "a chunk with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
    "a chunk below nothing": POST + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "a chunk with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "another host in the first line": b"GET http://evil.example/login HTTP/1.1\r\nHost: a\r\n\r\n",
    "a chunk that is too long": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
}


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("lasting"))
    yield server
    server.end()


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_two_servers_could_read_differently_is_refused_and_the_connection_closed(lasting: Server, name: str) -> None:
    """And what comes after it over the same connection is no request (RFC 9112, sections 2.2, 5.1, 6 and 7.1)."""
    with lasting.connect(SMUGGLED[name] + SECOND) as connection:
        answer = received(connection)
    assert re.match(rb"HTTP/1\.[01] (400|501) ", answer) and answer.count(b"HTTP/1.") == 1, answer


@pytest.mark.parametrize("framing", [4000 * b"1\r\na\r\n", b"2;" + 20_000 * b"a", b"2\r\n{}\r\n0\r\n" + 4000 * b"a: b\r\n"],
                         ids=["chunks of a byte", "an endless extension", "an endless trailer"])
def test_a_body_that_is_mostly_framing_is_not_read_on(lasting: Server, framing: bytes) -> None:
    """Its end never comes: the answer does."""
    with lasting.connect(POST + b"Transfer-Encoding: chunked\r\n\r\n" + framing) as connection:
        assert received(connection).startswith(b"HTTP/1.1 400 ")


def test_small_chunks_of_a_body_are_put_together() -> None:
    request = Request(Adjustments())
    request.received(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    request.received(2000 * b"8\r\n12345678\r\n" + b"0\r\n\r\n")
    assert request.completed and not request.error and request.get_body_stream().read() == 2000 * b"12345678"


def test_of_a_body_that_no_door_reads_only_the_beginning_is_kept() -> None:
    request = Request(Adjustments())
    request.received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
    for _ in range(1000):
        request.received(9000 * b"a")
    assert request.completed and not request.error and len(request.get_body_stream().read()) == LONGEST_BODY + 1
