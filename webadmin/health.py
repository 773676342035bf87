"""For machines that watch: /healthz says whether writes work, /metrics counts (Prometheus text format 0.0.4; off without a token)."""
from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Iterator

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request

from webadmin import counters, failures, security
from webadmin.accounts import sessions, tallies
from webadmin.store import condition

pages = Blueprint("health", __name__)
PATHS = ("/healthz", "/metrics")
SMALLEST_ROOM = 1024 * 1024      # bytes; with less SQLite can soon write nothing
REMEMBERED_SECONDS = 1           # who asks more often gets the same answer
KINDS = {"signed-in": "ok", "wrong-password": "refused", "no-second-factor": "refused", "wrong-passkey": "refused",
         "copied-passkey": "refused", "not-admitted": "refused",
         "turned-away": "turned_away"}

_last: dict[str, float] = {"at": -REMEMBERED_SECONDS, "well": False}


def init(app: Flask) -> None:
    app.register_blueprint(pages)
    failures.speak_for(app, lambda path: path in PATHS, _refused)
    security.watchers_come_to(app, PATHS)


@pages.get("/healthz")
def healthz() -> Response:
    """200 where a write would work now, else 503. Nothing is asked about whoever asks, and nothing told."""
    if time.monotonic() - _last["at"] >= REMEMBERED_SECONDS:
        _last.update(well=_is_well(), at=time.monotonic())
    return jsonify(status="ok") if _last["well"] else _refused(503, "")


@pages.get("/metrics")
def metrics() -> Response:
    """Counts, for the bearer of WEBADMIN_METRICS_TOKEN."""
    token = current_app.config["SETTINGS"].metrics_token
    if not token:
        abort(404)
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        abort(401)
    return Response("\n".join(_lines()) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _refused(status: int, sentence: str) -> Response:
    answer = jsonify(status="unavailable" if status == 503 else sentence)
    answer.status_code = status
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="webadmin"'
    return answer


def _is_well() -> bool:
    """A write works; and there is room for the next one, which a write that is taken back does not tell."""
    if not tallies.can_be_written():
        return False
    room = condition.room()
    return room is None or room >= SMALLEST_ROOM


def _lines() -> Iterator[str]:
    yield from _family("requests_total", "counter", "Requests answered", (
        (f'{{status="{each}xx"}}', counters.total(f"status {each}")) for each in counters.STATUSES))
    yield from _latency()
    yield from _family("sign_ins_total", "counter", "Sign-ins by what came of them", (
        (f'{{outcome="{outcome}"}}', sum(counters.total(f"event {kind}") for kind, told in KINDS.items() if told == outcome))
        for outcome in ("ok", "refused", "turned_away")))
    yield from _family("changes_total", "counter", "Changes written", [("", counters.total("event change"))])
    yield from _family("sessions", "gauge", "Browsers that are signed in",
                       [("", sessions.count())])
    yield from _family("connections", "gauge", "Connections that clients keep open", [("", sum(counters.each("connections")))])
    yield from _family("hashing", "gauge", "Passwords that are being hashed or wait for it", [("", sum(counters.each("hashing")))])
    yield from _family("processes", "gauge", "Processes that answer", [("", len(list(counters.each("pid"))))])


def _latency() -> Iterator[str]:
    count = 0
    rows: list[tuple[str, float]] = []
    for bound in (*counters.BUCKETS_MS, "all"):
        count += counters.total(f"until {bound}")
        rows.append((f'_bucket{{le="{bound / 1000 if isinstance(bound, int) else "+Inf"}"}}', count))
    rows += [("_sum", counters.total("requests_us") / 1e6), ("_count", count)]
    yield from _family("request_seconds", "histogram", "How long requests took", rows)


def _family(name: str, kind: str, text: str, rows: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP webadmin_{name} {text}."
    yield f"# TYPE webadmin_{name} {kind}"
    yield from (f"webadmin_{name}{labels} {value}" for labels, value in rows)
