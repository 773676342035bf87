"""Sign in, sign out, the theme, and where `/` leads."""
from __future__ import annotations

from flask import g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired

from webadmin import caller, security
from webadmin.accounts import policies, sessions
from webadmin.accounts.errors import SignInOver, SignInRefused
from webadmin.accounts.models import Account, Passkey, PendingSignIn
from webadmin.accounts.second_factors import factors, passkeys, recovery, steps
from webadmin.pages import forms, signed_in

pages = signed_in.door("sign_in")
THEMES = ("light", "dark", "auto")


class SignInForm(FlaskForm):
    name = StringField("Username or e-mail", [InputRequired("Your username or e-mail is needed.")],
                       render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True})
    password = forms.current_password("Password")
    remember = forms.tick("Remember me")
    next = HiddenField()


class CodeForm(FlaskForm):
    code = forms.app_code(autofocus=True)


class RecoveryForm(FlaskForm):
    code = forms.code("Recovery code", "One of your recovery codes is needed.", autocomplete="off", autofocus=True)


@pages.get("/")
@signed_in.any_account
def first_page() -> ResponseReturnValue:
    return redirect("/users" if g.account.is_administrator else "/me", 303)


@pages.route("/login", methods=["GET", "POST"])
@signed_in.anyone
def login() -> ResponseReturnValue:
    """By name and password, or by a passkey. One answer and one time for every reason to refuse; the password is never sent back."""
    form, trouble, site = SignInForm(), None, caller.relying_party()
    form.remember.label.text = f"Remember me for {policies.words('remember_days', policies.lately().remember_days)}"
    going_to = signed_in.safe_next(form.next.data or request.args.get("next", ""))
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(going_to, 303)
    try:
        if site and (answer := request.form.get("passkey")):
            account = passkeys.sign_in(answer, site, by=caller.actor(), device=security.cookie(signed_in.DEVICE))
            return _signed_in(account, going_to, form.remember.data)
        if form.validate_on_submit():
            step = steps.begin(form.name.data, form.password.data, by=caller.actor(), device=security.cookie(signed_in.DEVICE),
                               remember=form.remember.data, going_to=going_to)
            return _owe_second(step.token) if step.token else _signed_in(step.account, going_to, form.remember.data)
    except SignInRefused as refused:
        trouble, g.refused = refused.sentence, refused
    form.next.data = going_to if going_to != "/" else ""
    return render_template("sign_in/login.html", form=form, trouble=trouble, by_passkey=site), 422 if form.errors else 200


@pages.route("/login/second", methods=["GET", "POST"])
@signed_in.anyone
def second() -> ResponseReturnValue:
    """The password was right; now the app's code, a passkey, or with `?with=recovery` a recovery code. There is no session until then."""
    token, site = session.get(signed_in.SECOND, ""), caller.relying_party()
    actor, device = caller.actor(), security.cookie(signed_in.DEVICE)
    try:
        _, account = steps.look(token)
        known = passkeys.good_at(site, account)
        way = _way(account, known)
        form = CodeForm() if way == "app" else RecoveryForm()
        if site and (answer := request.form.get("passkey")):
            return _second_given(*passkeys.finish(token, answer, site, by=actor, device=device))
        if form.validate_on_submit():
            typed = form.code.data
            response = _second_given(*steps.finish(token, lambda held: factors.accept(held, typed, by=actor), by=actor, device=device))
            if way != "app":
                forms.say(f"Recovery codes left: {recovery.left(account)}.")
            return response
    except SignInOver as over:
        session.pop(signed_in.SECOND, None)
        forms.warn(over.sentence)
        return redirect("/login", 303)
    except SignInRefused as refused:
        forms.blame(form, refused)
        form.code.data = ""
    return render_template("sign_in/second.html", form=form, way=way, by_passkey=known), 422 if form.errors else 200


def _way(account: Account, known: list[Passkey]) -> str:
    """Which second factor the page asks for first: what the person wants, what the account has, what this address can have."""
    if request.args.get("with") == "recovery":
        return "recovery"
    return "app" if factors.of(account).app else "passkey" if known else "recovery"


def _owe_second(token: str) -> ResponseReturnValue:
    session[signed_in.SECOND] = token
    return redirect("/login/second", 303)


def _second_given(done: PendingSignIn, account: Account) -> ResponseReturnValue:
    return _signed_in(account, done.going_to, done.remember)


def _signed_in(account: Account, going_to: str, remember: bool) -> ResponseReturnValue:
    key = signed_in.begin(account, remember=remember)
    return signed_in.remember_cookies(redirect(going_to, 303), account, key, remember=remember)


@pages.post("/logout")
@signed_in.any_account
@signed_in.without_new_password
@signed_in.without_second_factor
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
