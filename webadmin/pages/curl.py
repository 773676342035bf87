"""Lines for curl as people copy them: every word quoted for the shell."""
from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from flask import current_app, g

BELOW = " \\\n  "      # a long line goes on below


def line(path: str, *, method: str = "GET", who: str = "", headers: Sequence[str] = (), body: Any = None) -> str:
    """`path` on this server. curl asks for the password of `who` itself; a header may name a variable of the shell ($TOKEN)."""
    words = [f"-X {method}"] if method != ("GET" if body is None else "POST") else []
    words += [f"-u {shlex.quote(who)}"] if who else []
    address = current_app.config["SETTINGS"].address + path
    parts = [" ".join(["curl", *words, shlex.quote(address)]), *(f'-H "{header}"' for header in headers)]
    if body is not None:
        parts += ['-H "Content-Type: application/json"', f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}"]
    return BELOW.join(parts)


def by_username(username: str = "", last: str = "", *, method: str = "GET", body: Any = None, token: bool = False) -> str:
    """A line of the contract users_v2_basic for the person who is signed in, by password or by API token; empty for a name that cannot
    stand in a path."""
    path = "/".join(["/api/v2/users", *(quote(word, safe="@+") for word in (username, last) if word)])
    credential: dict[str, Any] = {"headers": ["Authorization: Bearer $TOKEN"]} if token else {"who": g.account.username}
    return "" if "/" in username else line(path, method=method, body=body, **credential)
