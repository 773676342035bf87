"""Secrets that are known again wherever they turn up, and clients that carry them through every door of a started server."""
from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
import socket
from collections.abc import Iterable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, quote_plus, urlencode, urlsplit

BOUND = re.compile(rb"\s+")      # a key that is shown in groups of four is the same key


class Answer(NamedTuple):
    asked: str
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def found(self, pattern: str) -> str:
        hit = re.search(pattern, self.text)
        assert hit, (self.asked, self.status, self.text[-1500:])
        return hit[1]


class Watch:
    """What was secret, by what it is; and each answer that came back."""

    def __init__(self, address: str):
        self.address, self.answers = address, list[Answer]()
        self.chosen, self.given = dict[str, str](), dict[str, str]()      # by people; by the server, and told in one answer

    def choose(self, what: str) -> str:
        """A new secret such as people choose or type in the wrong place: it comes back in no answer at all."""
        made = f"canary-{secrets.token_hex(12)}"
        self.chosen[made] = what
        return made

    def told(self, what: str, secret: str) -> str:
        """A secret that the server gave away in an answer, which is the only time."""
        assert len(secret) >= 10, (what, secret)
        self.given[secret] = what
        return secret

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`body` is JSON, the text of a form, or raw bytes."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, (dict, list)):
            body, given["Content-Type"] = json.dumps(body), "application/json"
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=20)
        connection.request(method, path, body, given)
        got = connection.getresponse()
        answer = Answer(f"{method} {path}", got.status, got.headers, got.read().decode())
        connection.close()
        self.answers.append(answer)
        return answer

    def send_raw(self, request: str) -> None:
        where = urlsplit(self.address)
        with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: connection.recv(65536), b""))
        self.answers.append(Answer("raw", 400, http.client.HTTPMessage(), said.decode(errors="replace")))

    def hits(self, where: str, held: bytes) -> list[str]:
        """Which secrets stand there, as they are, in base64, in hex, or spread over groups."""
        held = held.lower()
        places = (held, BOUND.sub(b"", held))
        return [f"{where}: {what}" for secret, what in (self.chosen | self.given).items()
                if any(needle in place for needle in needles(secret) for place in places)]

    def hits_in(self, files: Iterable[Path]) -> list[str]:
        return [hit for path in files for hit in self.hits(path.name, path.read_bytes())]

    def echoes(self) -> list[str]:
        """Refusals that repeat any secret, and answers of any kind that repeat one which somebody chose."""
        chosen = Watch("")
        chosen.chosen = self.chosen
        return [hit for each in self.answers for hit in (self if each.status >= 400 else chosen).hits(f"{each.asked} {each.status}", each.text.encode())]


class Browser:
    """Keeps its cookies, which are secrets, and fills in the token of the page that it opened last."""

    def __init__(self, watch: Watch):
        self.watch, self.cookies, self.token = watch, dict[str, str](), ""

    def get(self, path: str) -> Answer:
        return self._ask("GET", path)

    def post(self, path: str, status: int, at: str = "", **fields: Any) -> Answer:
        """Open a page (`at`, or the same) for its token, then send the form."""
        if not self.token or at:
            self.get(at or path)
        answer = self._ask("POST", path, urlencode({"csrf_token": self.token, **fields}, doseq=True))
        assert answer.status == status, (answer.asked, answer.status, re.sub(r"(?s)^.*<main|<svg.*?</svg>", "", answer.text)[:1500])
        return answer

    def _ask(self, method: str, path: str, body: str | None = None) -> Answer:
        form = {"Content_Type": "application/x-www-form-urlencoded"} if body is not None else {}
        answer = self.watch.send(method, path, body, Cookie="; ".join(f"{name}={value}" for name, value in self.cookies.items()), **form)
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                if morsel.value:
                    self.watch.told(f"cookie {name}", morsel.value)
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', answer.text)
        self.token = token[1] if token else ""
        return answer


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def needles(secret: str) -> set[bytes]:
    """In small letters. Base64 has three alignments: the letters that stand for whole bytes of the secret."""
    raw = secret.encode()
    encoded = {base64.b64encode(b"\0" * shift + raw)[-(-8 * shift // 6):][:(8 * (len(raw) - 3)) // 6] for shift in range(3)}
    return {each.lower() for each in {raw, raw.hex().encode(), quote(secret).encode(), quote_plus(secret).encode(), *encoded}}
