"""Sign in, sign out, the theme, and where `/` leads."""
from __future__ import annotations

from flask import g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired

from webadmin import caller, security
from webadmin.accounts import sessions, signin
from webadmin.accounts.errors import SignInRefused
from webadmin.pages import forms, signed_in

pages = signed_in.door("sign_in")
THEMES = ("light", "dark", "auto")


class SignInForm(FlaskForm):
    name = StringField("Username or e-mail", [InputRequired("Your username or e-mail is needed.")],
                       render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True})
    password = forms.current_password("Password")
    remember = forms.tick("Remember me for 30 days")
    next = HiddenField()


@pages.get("/")
@signed_in.any_account
def first_page() -> ResponseReturnValue:
    return redirect("/users" if g.account.is_administrator else "/me", 303)


@pages.route("/login", methods=["GET", "POST"])
@signed_in.anyone
def login() -> ResponseReturnValue:
    """One answer and one time for every reason to refuse. The password is never sent back."""
    form, trouble = SignInForm(), None
    going_to = signed_in.safe_next(form.next.data or request.args.get("next", ""))
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(going_to, 303)
    if form.validate_on_submit():
        try:
            account = signin.authenticate(form.name.data, form.password.data, by=caller.actor(), device=security.cookie(signed_in.DEVICE))
        except SignInRefused as refused:
            trouble, g.refused = refused.sentence, refused
        else:
            key = signed_in.begin(account, remember=form.remember.data)
            return signed_in.remember_cookies(redirect(going_to, 303), account, key, remember=form.remember.data)
    form.next.data = going_to if going_to != "/" else ""
    return render_template("sign_in/login.html", form=form, trouble=trouble), 422 if form.errors else 200


@pages.post("/logout")
@signed_in.any_account
@signed_in.without_new_password
def logout() -> ResponseReturnValue:
    """The session is dead on the server; the browser is told to forget what it keeps."""
    sessions.sign_out(g.session, g.account, by=caller.actor())
    signed_in.forget_form()
    forms.say("You are signed out.")
    response = redirect("/login", 303)
    security.delete_cookie(response, signed_in.SESSION)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@pages.post("/theme")
@signed_in.anyone
def theme() -> ResponseReturnValue:
    chosen = request.form.get("theme")
    if chosen in THEMES:
        session["theme"] = "" if chosen == "auto" else chosen
    return redirect(signed_in.safe_next(request.form.get("next", "")), 303)
