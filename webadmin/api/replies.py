"""Answer: JSON in the shape of the contract that owns the path, and whole lists as a stream."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

from flask import Blueprint, Flask, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from webadmin import caller, failures, security
from webadmin.accounts import errors
from webadmin.api import wire

POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
TYPE = "application/json; charset=utf-8"
REALM = 'realm="webadmin"'
RETRY_SECONDS = "10"
AT_A_TIME = 100        # rows
HEADERS = [("Content-Type", TYPE), ("Content-Security-Policy", POLICY)]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True)
class Contract:
    """One published document: which paths are its own, how its failures look, what the log calls it.

    Its blueprint gets what all contracts share: small bodies, every failure in its own shape.
    """

    name: str                                         # of its module and OpenAPI file
    door: str
    blueprint: Blueprint
    owns: Callable[[str], bool]
    shape: Callable[[int, str], dict[str, Any]]       # status and sentence -> body
    rules: dict[type[errors.AccountError], int] = field(default_factory=dict)      # broken rule -> status, where it is not the usual one
    scheme: str = "Bearer"                            # that a 401 asks for

    def __post_init__(self) -> None:
        self.blueprint.before_request(self._admit)
        self.blueprint.register_error_handler(errors.AccountError, self._broken_rule)
        self.blueprint.register_error_handler(wire.Unreadable, lambda error: self.refused(400, str(error)))
        self.blueprint.register_error_handler(wire.NotJson, lambda error: self.refused(415, "The body must be application/json."))
        self.blueprint.register_error_handler(wire.NoCredential, lambda error: self.refused(401, str(error)))

    def refused(self, status: int, sentence: str, **headers: str) -> Response:
        """A failure in the contract's shape, with the headers that its status asks for."""
        if status == 401:
            headers["WWW_Authenticate"] = _challenge(self.scheme)
        if status in (429, 503):
            headers.setdefault("Retry-After", RETRY_SECONDS)
        return answer(self.shape(status, sentence), status, **headers)

    def greet(self) -> Response | None:
        """Set-up first, for every path that is the contract's own, those that it does not have included."""
        g.door = self.door
        return None if caller.is_set_up() else self.refused(503, "There is no administrator yet.")

    def _admit(self) -> None:
        request.max_content_length = wire.LONGEST_BODY
        if (request.content_length or 0) > wire.LONGEST_BODY:
            raise RequestEntityTooLarge

    def _broken_rule(self, error: errors.AccountError) -> Response:
        usual = failures.status_of(error)
        status = next((status for kind, status in self.rules.items() if isinstance(error, kind)), 400 if usual == 422 else usual)
        return self.refused(status, error.sentence, **failures.come_back(error))


def serve(app: Flask, contract: Contract) -> None:
    failures.speak_for(app, contract.owns, contract.refused)
    security.scripts_come_to(app, contract.owns)
    app.register_blueprint(contract.blueprint)
    app.extensions["csrf"].exempt(contract.blueprint)      # these doors never read a page's cookie; security.py refuses other sites


def answer(body: Any, status: int = 200, **headers: str) -> Response:
    """`body` as JSON; None is an empty answer. A header's name is written with _ for -."""
    response = Response("" if body is None else _encode(body), status, HEADERS)
    if body is None:
        del response.headers["Content-Type"]
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


def stream(pieces: Iterable[str]) -> Response:
    """Pieces of JSON as they come, in constant memory; few of them are one answer, as by whole()."""
    blocks = _gathered(pieces)
    first = [*islice(blocks, 2)]
    return Response(first[0] if len(first) == 1 else chain(first, blocks), headers=HEADERS)


def whole(pieces: Iterable[str]) -> Response:
    """Few pieces of JSON at once: an answer of known length leaves the connection open."""
    return Response("".join(pieces), headers=HEADERS)


def listed(rows: Iterable[Any]) -> Iterator[str]:
    """A JSON array, some rows at a time: each call of the encoder costs as much as a few rows."""
    separator, rows = "[", iter(rows)
    while some := list(islice(rows, AT_A_TIME)):
        yield separator + _encode(some)[1:-1]
        separator = ","
    yield "]" if separator == "," else "[]"


def _challenge(scheme: str) -> str:
    """RFC 6750 section 3: whoever came with a Bearer token hears that it is invalid."""
    if wire.scheme() == "bearer":
        return f'Bearer {REALM}, error="invalid_token"' if wire.bearer() else f"Bearer {REALM}"
    return f"{scheme} {REALM}"


def _gathered(pieces: Iterable[str], size: int = 16_384) -> Iterator[bytes]:
    """Pieces of some size: each costs the server a write."""
    held, length = [], 0
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= size:
            yield "".join(held).encode()
            held, length = [], 0
    yield "".join(held).encode()
