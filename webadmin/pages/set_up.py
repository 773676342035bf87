"""The set-up link: the first administrator. 404 once it is used."""
from __future__ import annotations

from flask import current_app, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from webadmin import caller
from webadmin.accounts import links, signin, users
from webadmin.accounts.errors import AccountError, LinkUsed
from webadmin.pages import forms, signed_in
from webadmin.store import database
from webadmin.store.database import MINUTE_MS

pages = signed_in.door("set_up")


class SetUpForm(FlaskForm):
    username = forms.username("Your username", autofocus=True)
    email = forms.email("E-mail")
    password = forms.new_password("Password")


@pages.route("/setup/<token>", methods=["GET", "POST"])
@signed_in.anyone
@signed_in.before_set_up
def set_up(token: str) -> ResponseReturnValue:
    """A GET uses nothing up. Two who post at once make one administrator: the other one gets 404."""
    link = links.look(links.SET_UP, token)
    if users.administrator_exists():
        raise LinkUsed
    form = SetUpForm()
    if form.validate_on_submit():
        try:
            account = users.create_first_administrator(form.username.data, form.email.data, form.password.data, by=caller.actor(),
                                                       token=token)
        except LinkUsed:
            raise
        except AccountError as wrong:
            forms.blame(form, wrong)
        else:
            current_app.config["IS_SET_UP"] = True
            signin.welcome(account, by=caller.actor())
            key = signed_in.begin(account, remember=False)
            forms.say("You are the first administrator.")
            return signed_in.remember_cookies(redirect("/", 303), account, key, remember=False)
    minutes_left = max(1, -(-(link.expires_at - database.now()) // MINUTE_MS))
    return render_template("setup/setup.html", form=form, minutes_left=minutes_left), 422 if form.errors else 200
