"""For scripts: the five published contracts as pages. Open to every account."""
from __future__ import annotations

from dataclasses import dataclass

from flask import abort, g, render_template
from flask.typing import ResponseReturnValue

from webadmin.accounts.second_factors import factors
from webadmin.pages import curl, described, signed_in

pages = signed_in.door("scripts", "/scripts")


@dataclass(frozen=True)
class Choice:
    title: str
    under: str
    credential: str
    sense: str      # which script wants this one


CHOICES = {
    "users_v2_basic": Choice("Users, version 2", "/api/v2/users", "Basic, or an API token", "One account, by its username. Start here."),
    "users_v1_jwt": Choice("Users, version 1", "/api/v1", "Bearer: access and refresh token", "Register, sign in, read the list."),
    "chirpy_users": Choice("Chirpy users", "/api/users", "Bearer: JWT and refresh token", "Sign up and stay signed in for 60 days."),
    "user_v1_cookie": Choice("User, by cookie", "/api/v1/user", "Cookie, or Bearer", "A page of your own signs a person in."),
    "user_mass": Choice("Many users", "/user and /auth", "Bearer, or a parameter", "Every account at once, in one transaction."),
}


@pages.get("")
@signed_in.any_account
def index() -> ResponseReturnValue:
    me = g.account.username
    show = next(route for route in described.contract("users_v2_basic").routes if route.id == "v2-get-user")
    second_factor = factors.of(g.account).any
    token = "" if second_factor else curl.by_username(me, "refresh", method="POST")
    return render_template("scripts/index.html", choices=CHOICES, second_factor=second_factor, token=token,
                           first=curl.by_username(me, token=second_factor), answer=show.answers[0].examples[0][1])


@pages.get("/<name>")
@signed_in.any_account
def contract(name: str) -> ResponseReturnValue:
    if name not in CHOICES:
        abort(404)
    return render_template("scripts/contract.html", contract=described.contract(name), choice=CHOICES[name])
