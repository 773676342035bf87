"""What the server says while it runs: one event, one line of JSON on stderr, so that nobody's input can forge a line."""
from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

STDERR = 2
_encode = json.JSONEncoder(default=str).encode


def write(event: str, **details: Any) -> None:
    """Write one line: time (UTC, milliseconds), event, details. One call to the system, so lines of several processes never mix."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = _encode({"time": time, "event": event, **details})
    with suppress(OSError):  # nobody reads any more: no reason to refuse a request
        os.write(STDERR, line.encode() + b"\n")


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        details = {"trace": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        write(record.levelname.lower(), logger=record.name, message=record.getMessage(), **details)


def as_json_lines() -> None:
    """Send what the libraries and the app log the same way."""
    logging.basicConfig(handlers=[_Lines()], level=logging.WARNING, force=True)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a full queue is not news: it is what a queue is for
