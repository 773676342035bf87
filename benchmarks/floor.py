"""The floor: what this stack can do at best. Bare Flask, Jinja and sqlite3: a cookie check, paging by key, a trigram index. No product.

`python -m benchmarks.floor DATABASE PORT` serves it by two processes of waitress; `fill` makes its database.
"""
from __future__ import annotations

import os
import signal
import socket
import sqlite3
import sys
import threading
from pathlib import Path

from flask import Flask, abort, request
from waitress import create_server

from benchmarks.people import people

COOKIE = "f" * 43
PROCESSES, THREADS = 2, 8
TABLES = """
CREATE TABLE account (id INTEGER PRIMARY KEY, username TEXT UNIQUE, email TEXT, name TEXT, role INTEGER, active INTEGER, seen INTEGER,
                      made INTEGER);
CREATE TABLE session (key TEXT PRIMARY KEY, account INTEGER);
CREATE VIRTUAL TABLE found USING fts5(text, content='', tokenize='trigram');
"""
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Users</title></head><body><h1>Users</h1><table>
{% for id, name, active, email, username, role, seen, made in rows %}<tr><td><a href="/users/{{ id }}">{{ name }}</a></td>
<td>{{ "Active" if active else "Disabled" }}</td><td>{{ email }}</td><td>{{ username }}</td>
<td>{{ "Administrator" if role == 2 else "User" }}</td><td>{{ seen }}</td><td>{{ made }}</td></tr>
{% endfor %}</table>{% if rows %}<a href="?after={{ rows[-1][1] }}&amp;id={{ rows[-1][0] }}">Next</a>{% endif %}</body></html>"""
ROWS = "SELECT id, name, active, email, username, role, seen, made FROM account"
AFTER = f"{ROWS} WHERE (name, id) > (?, ?) ORDER BY name, id LIMIT 50"
FOUND = f"{ROWS} WHERE id IN (SELECT rowid FROM found WHERE found MATCH ? LIMIT 50)"


def fill(path: Path, count: int) -> None:
    store = sqlite3.connect(path)
    store.executescript("PRAGMA journal_mode = WAL;" + TABLES)
    rows = ((each.username, each.email, each.display_name, 1 + each.administrator, each.active, each.last_signed_in_at, each.created_at)
            for each in people(count))
    store.executemany("INSERT INTO account (username, email, name, role, active, seen, made) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    store.execute("CREATE INDEX by_name ON account (name, id)")
    store.execute("INSERT INTO found (rowid, text) SELECT id, lower(username || char(10) || email || char(10) || name) FROM account")
    store.execute("INSERT INTO session VALUES (?, 1)", (COOKIE,))
    store.commit()
    store.close()


def create_app(path: str) -> Flask:
    app, local = Flask(__name__), threading.local()
    page = app.jinja_env.from_string(PAGE)      # compiled once

    def store() -> sqlite3.Connection:
        if not hasattr(local, "store"):
            local.store = sqlite3.connect(path, isolation_level=None)
        return local.store

    @app.get("/")
    def ready() -> str:
        return ""

    @app.get("/users")
    def users() -> str:
        if not store().execute("SELECT account FROM session WHERE key = ?", (request.cookies.get("session", ""),)).fetchone():
            abort(403)
        if term := request.args.get("q"):
            return page.render(rows=store().execute(FOUND, (f'"{term}"',)).fetchall())
        place = (request.args.get("after", ""), request.args.get("id", 0, int))
        return page.render(rows=store().execute(AFTER, place).fetchall())

    return app


def main() -> None:
    listening = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=1024)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for _ in range(PROCESSES - 1):
        if not os.fork():
            break
    create_server(create_app(sys.argv[1]), sockets=[listening], threads=THREADS).run()


if __name__ == "__main__":
    main()
