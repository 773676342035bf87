"""Lines for curl as people copy them: every word quoted for the shell."""
from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

PASTED = " \\\n  "      # a long line goes on below


def line(address: str, *, method: str = "GET", who: str = "", headers: Sequence[str] = (), body: Any = None) -> str:
    """`who` is asked for the password by curl itself; a header may name a variable of the shell ($TOKEN)."""
    words = [f"-X {method}"] if method != ("GET" if body is None else "POST") else []
    words += [f"-u {shlex.quote(who)}"] if who else []
    opening = " ".join(["curl", *words, shlex.quote(address)])
    parts = [f'-H "{header}"' for header in headers]
    if body is not None:
        parts.append(f"--json {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    return PASTED.join([opening, *parts])
