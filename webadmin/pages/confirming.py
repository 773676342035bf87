"""Before what matters most: has the person signed in, or confirmed that it is them, in the last quarter of an hour?"""
from __future__ import annotations

from flask import current_app, g, render_template, request
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import PasswordField

from webadmin import caller, failures, security
from webadmin.accounts import sessions, signin
from webadmin.accounts.errors import SignInRefused
from webadmin.accounts.second_factors import factors, passkeys
from webadmin.pages import forms, signed_in

BOXES = ("csrf_token", "confirm_password", "confirm_code", "confirm_passkey")


class _Form(FlaskForm):
    confirm_password = PasswordField("Your password", render_kw={"autocomplete": "current-password", "autofocus": True})
    confirm_code = forms.app_code("Or a code from your app")


def ask() -> str | Response | None:
    """None where the person has signed in or confirmed lately; else the page that asks, carrying the form along.

    The same address gets the same form again, with `confirm_password`, `confirm_code` or `confirm_passkey` in it.
    """
    if sessions.confirmed(g.session):
        return None
    trouble, status = None, 403
    if "confirm_password" in request.form:
        try:
            _confirm()
            signed_in.renew_session()
            return None
        except SignInRefused as refused:
            trouble, status = refused.sentence, failures.status_of(refused)
    form = _Form(formdata=None)
    if not factors.of(g.account).app:
        del form.confirm_code
    kept = [(name, value) for name, value in request.form.items(multi=True) if name not in BOXES]
    page = render_template("sign_in/confirm.html", fields=kept, action=request.path, form=form, trouble=trouble,
                           by_passkey=passkeys.good_at(caller.relying_party(), g.account))
    return current_app.make_response((page, status))


def _confirm() -> None:
    """The password, a code of the app or a passkey, whichever was given. Raises SignInRefused."""
    code, passkey, site = request.form.get("confirm_code", ""), request.form.get("confirm_passkey", ""), caller.relying_party()
    actor, device = caller.actor(), security.cookie(signed_in.DEVICE)
    if passkey and site:
        passkeys.confirm(g.account, passkey, site, by=actor, device=device)
    elif code:
        signin.confirm_by(lambda held: factors.accept_app(held, code), g.account, by=actor, device=device)
    else:
        signin.confirm(g.account, request.form["confirm_password"], by=actor, device=device)
