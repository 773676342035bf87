"""My passkeys; and what a browser is to ask an authenticator for, as JSON. The answer comes back in a field of the form that it is for.

Where the address cannot have passkeys (ceremonies.relying_party) none of these pages exists, but those that rename and remove.
"""
from __future__ import annotations

import json
from typing import Any

from flask import Response, abort, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from webadmin import caller
from webadmin.accounts import sessions
from webadmin.accounts.errors import AccountError, SignInOver
from webadmin.accounts.second_factors import passkeys
from webadmin.accounts.second_factors.ceremonies import RelyingParty
from webadmin.accounts.sessions import Kept
from webadmin.pages import confirming, forms, signed_in

pages = signed_in.door("passkeys")
NEW = "/me/passkeys/new"


class NameForm(FlaskForm):
    name = forms.plain("Name", autocomplete="off", autofocus=True)


@pages.post("/login/passkey")
@signed_in.anyone
def ask_to_sign_in() -> ResponseReturnValue:
    return _json(passkeys.begin_sign_in(_site()))


@pages.post("/login/second/passkey")
@signed_in.anyone
def ask_for_second() -> ResponseReturnValue:
    try:
        return _json(passkeys.begin_second(session.get(signed_in.SECOND, ""), _site()))
    except SignInOver:
        abort(404)      # the page itself, loaded again, says so


@pages.post("/me/passkeys/confirm")
@signed_in.any_account
def ask_to_confirm() -> ResponseReturnValue:
    return _json(passkeys.begin_confirming(g.account, _site(), by=caller.actor()))


@pages.post("/me/passkeys/ask")
@signed_in.any_account
@signed_in.without_second_factor
def ask_for_new() -> ResponseReturnValue:
    return _json(passkeys.begin_adding(g.account, _site(), by=caller.actor()))


@pages.route(NEW, methods=["GET", "POST"])
@signed_in.any_account
@signed_in.without_second_factor
def new() -> ResponseReturnValue:
    """Asks who it is before the browser makes a key. Recovery codes are told in the answer itself, and only there."""
    site = _site()
    if (asked := confirming.ask()) is not None:
        return asked
    form = NameForm(data={"name": sessions.device(request.user_agent.string)})
    if (answer := request.form.get("passkey")) and form.validate_on_submit():
        try:
            codes = passkeys.add(g.account, answer, form.name.data, site, by=caller.actor(), keep=Kept(session=g.session.id))
        except AccountError as wrong:
            forms.blame(form, wrong)
        else:
            signed_in.renew_session()
            return forms.added(codes, "the passkey")
    return render_template("me/passkey_new.html", form=form), 422 if form.errors else 200


@pages.route("/me/passkeys/<number:passkey_id>", methods=["GET", "POST"])
@signed_in.any_account
def rename(passkey_id: int) -> ResponseReturnValue:
    form = NameForm(obj=passkeys.find(passkey_id, g.account))
    if form.validate_on_submit():
        try:
            passkeys.rename(passkey_id, g.account, form.name.data, by=caller.actor())
        except AccountError as wrong:
            forms.blame(form, wrong)
        else:
            forms.say("Saved.")
            return redirect("/me", 303)
    return render_template("me/passkey.html", form=form, action=request.path), 422 if form.errors else 200


@pages.route("/me/passkeys/<number:passkey_id>/remove", methods=["GET", "POST"])
@signed_in.any_account
def remove(passkey_id: int) -> ResponseReturnValue:
    passkey = passkeys.find(passkey_id, g.account)
    if request.method == "GET":
        return render_template("me/remove.html", factor=f"passkey “{passkey.name}”", ends="It opens nothing any more", action=request.path)
    if (asked := confirming.ask()) is not None:
        return asked
    passkeys.remove(passkey_id, g.account, by=caller.actor(), keep=Kept(session=g.session.id))
    forms.say("Removed the passkey “{name}”. Every other session has ended.", name=passkey.name)
    return redirect("/me", 303)


def _site() -> RelyingParty:
    return caller.relying_party() or abort(404)


def _json(options: dict[str, Any]) -> Response:
    return Response(json.dumps(options), content_type="application/json; charset=utf-8")
