"""JSON doors: one module per published document, its OpenAPI file beside it."""
from __future__ import annotations

from flask import Flask, Response, request

from webadmin.api import chirpy_users, published, replies, user_mass, user_v1_cookie, users_v1_jwt, users_v2_basic

# in this order they are asked who owns a path
CONTRACTS = (user_v1_cookie.CONTRACT, users_v1_jwt.CONTRACT, users_v2_basic.CONTRACT, chirpy_users.CONTRACT, user_mass.CONTRACT)


def init(app: Flask) -> None:
    app.before_request(_set_up_first)
    for contract in CONTRACTS:
        replies.serve(app, contract)
    published.init(app)


def _set_up_first() -> Response | None:
    owner = next((contract for contract in CONTRACTS if contract.owns(request.path)), None)
    return owner.greet() if owner else None
