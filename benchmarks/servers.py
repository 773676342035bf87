"""The candidates as running servers on loopback, each in a session of its own, so that all of it can be ended."""
from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.drive import Unusable
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent
NAME, PASSWORD = "ada", "three green boats at dawn"
WORKERS = 2
START_SECONDS = 120
# pip compiled the others when it installed them; a product that may not keep what Python compiled would do it anew at every start
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("WEBADMIN_") and name != "PYTHONDONTWRITEBYTECODE"}


def product_settings(data: Path) -> dict[str, str]:
    return {**PLAIN, "WEBADMIN_DATA": str(data), "WEBADMIN_WORKERS": str(WORKERS)}


def django_settings(database: Path) -> dict[str, str]:
    return {**PLAIN, "PEER_DATABASE": str(database), "DJANGO_SETTINGS_MODULE": "benchmarks.django_peer.settings", "PYTHONPATH": str(ROOT)}


@dataclass
class Server:
    """One candidate over one database. `cookie` and `token` open it, once it is signed in."""

    words: list[str]
    environment: dict[str, str]
    port: int
    front: str
    log: Path
    cookie: str = ""
    token: str = ""

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> float:
        """Start it and wait for its first good answer. Returns the seconds that took."""
        begun = time.perf_counter()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.words, cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True)
        while time.perf_counter() - begun < START_SECONDS:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if ask(self.port, "GET", self.front)[0] < 400:
                    return time.perf_counter() - begun
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        self.stop()
        raise Unusable(f"a server did not start: {self.log.read_text()[-1000:]}")

    def stop(self) -> None:
        """End it and whatever it started."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def own_memory(self) -> list[float]:
        """MiB that each process of the server, but for the watching parent, has for itself."""
        children = [int(each) for each in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]
        return [_private(child) for child in children]


def product(python: str, data: Path) -> Server:
    port = free_port()
    settings = {**product_settings(data), "WEBADMIN_PORT": str(port)}
    return Server([python, "run.py"], settings, port, "/login", data.parent / "product.log")


def django(python: str, database: Path, session: str, token: str) -> Server:
    """gunicorn, gthread, with connections kept alive."""
    port = free_port()
    words = [python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", str(WORKERS), "--threads", "4",
             "--no-control-socket", "--log-level", "warning", "django.core.wsgi:get_wsgi_application()"]
    return Server(words, django_settings(database), port, "/admin/login/", database.parent / "django.log", f"sessionid={session}", token)


def floor(database: Path, cookie: str) -> Server:
    port = free_port()
    words = [sys.executable, "-m", "benchmarks.floor", str(database), str(port)]
    return Server(words, PLAIN, port, "/", database.parent / "floor.log", f"session={cookie}")


def ask(port: int, method: str, path: str, body: str = "", source: str = "127.0.0.1", **headers: str) -> tuple[int, str, list[str]]:
    """Status, text and cookies of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600, source_address=(source, 0))
    try:
        connection.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, text, [each.partition(";")[0] for each in answer.headers.get_all("Set-Cookie") or []]
    finally:
        connection.close()


def sign_in_form(port: int) -> tuple[str, dict[str, str]]:
    """The body and the headers of a browser's sign-in, good for any number of times."""
    _, page, cookies = ask(port, "GET", "/login")
    hidden = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    if not hidden:
        raise Unusable("the sign-in page has no hidden field")
    body = urlencode({"csrf_token": hidden[1], "name": NAME, "password": PASSWORD})
    return body, {"Cookie": "; ".join(cookies), "Content-Type": "application/x-www-form-urlencoded"}


def sign_in(server: Server) -> None:
    """Give the product's server its cookie and its API token, as a person and a script would get them."""
    body, headers = sign_in_form(server.port)
    status, _, cookies = ask(server.port, "POST", "/login", body, **headers)
    if status != 303:
        raise Unusable(f"the sign-in answered {status}")
    _, _, form = ask(server.port, "GET", "/users", Cookie="; ".join(cookies))
    server.cookie = "; ".join({each.partition("=")[0]: each for each in (*cookies, *form) if not each.endswith("=")}.values())
    status, text, _ = ask(server.port, "POST", f"/api/v2/users/{NAME}/refresh", Authorization=basic())
    found = re.search(r'"token": ?"([^"]+)"', text)
    if not found:
        raise Unusable(f"no API token: {status} {text[:200]}")
    server.token = found[1]


def basic() -> str:
    from base64 import b64encode
    return "Basic " + b64encode(f"{NAME}:{PASSWORD}".encode()).decode()


def cursor(*place: object) -> str:
    """The product's address word of the page after this place."""
    import json
    return urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def _private(pid: int) -> float:
    found = re.findall(r"^Private_(?:Clean|Dirty): +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return sum(map(int, found)) / 1024
