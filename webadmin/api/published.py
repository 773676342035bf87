"""The contracts' OpenAPI files. They hold nothing of this server, so they are open to everyone, before the set-up too."""
from __future__ import annotations

from flask import Blueprint, Flask, Response, abort

from webadmin import documents, failures
from webadmin.api import replies

PREFIX = "/openapi"
api = Blueprint("published", __name__, url_prefix=PREFIX)


def init(app: Flask) -> None:
    failures.speak_for(app, lambda path: path.startswith(f"{PREFIX}/"), refused)
    app.register_blueprint(api)


def refused(status: int, sentence: str) -> Response:
    return replies.answer({"error": sentence}, status)


@api.get("/<name>.json")
def show(name: str) -> Response:
    if name not in documents.NAMES:
        abort(404)
    return replies.stream([documents.text(name)])
