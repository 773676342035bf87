"""My account: profile, password, sessions. Open to every account, for itself."""
from __future__ import annotations

from flask import g, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, ValidationError

from webadmin import caller, security
from webadmin.accounts import activity, fields, sessions, signin, tokens, users
from webadmin.accounts.errors import AccountError, Conflict, WrongCredentials
from webadmin.accounts.second_factors import factors, recovery
from webadmin.pages import confirming, forms, shown, signed_in

pages = signed_in.door("me")
COMPARED = ("display_name", "first_name", "last_name", "email")


class ProfileForm(FlaskForm):
    display_name = forms.plain("Display name", autocomplete="name")
    first_name = forms.plain("First name", autocomplete="given-name")
    last_name = forms.plain("Last name", autocomplete="family-name")
    email = forms.email()
    version = HiddenField()


class PasswordForm(FlaskForm):
    current = forms.current_password("Current password", autofocus=True)
    password = forms.new_password("New password")
    confirm = forms.new_password_again("Repeat it")

    def validate_password(self, password: Field) -> None:
        if password.data == self.current.data:
            raise ValidationError("This is the same as above. Choose another one.")

    def validate_confirm(self, confirm: Field) -> None:
        if confirm.data != self.password.data:
            raise ValidationError("The two new passwords are not the same.")


@pages.route("/me", methods=["GET", "POST"])
@signed_in.any_account
def me() -> ResponseReturnValue:
    account = g.account
    form = ProfileForm(obj=account)
    if form.validate_on_submit():
        given = {**{name: form[name].data for name in ("first_name", "last_name", "email")}, **forms.unless_untouched(form.display_name)}
        if fields.changes_email(account, given) and (asked := confirming.ask()) is not None:
            return asked
        try:
            users.update(account, given, by=caller.actor(), version=forms.version_of(form))
        except Conflict as conflict:
            return _home(form, forms.differing(form, ProfileForm(formdata=None, obj=conflict.current), COMPARED)), 409
        except AccountError as wrong:
            forms.blame(form, wrong)
        else:
            forms.say("Saved.")
            return redirect("/me", 303)
    return _home(form), 422 if form.errors else 200


def _home(form: ProfileForm, differs: list[tuple[str, str, str]] | None = None) -> str:
    account = g.account
    return render_template("me/me.html", account=account, form=form, differs=differs,
                           sessions=shown.sessions_of(account, current=g.session.id),
                           history=[shown.line(each) for each in activity.history(account, shown.LATEST)],
                           factors=factors.of(account), codes_left=recovery.left(account), site=caller.relying_party(),
                           signins=[shown.line(each) for each in activity.history(account, shown.LATEST, groups=("sign-in", "refused"))])


@pages.route("/password", methods=["GET", "POST"])
@signed_in.any_account
@signed_in.without_new_password
@signed_in.without_second_factor
def password() -> ResponseReturnValue:
    """A wrong current password counts as a failed sign-in; success ends all other sessions and gives this one a new key."""
    form = PasswordForm()
    if form.is_submitted():
        fine = form.validate()
        try:
            if form.current.data:      # whatever is wrong with the new one, so that everything is named at once
                signin.confirm(g.account, form.current.data, by=caller.actor(), device=security.cookie(signed_in.DEVICE))
            if fine:
                return _changed(form.password.data)
        except WrongCredentials:
            form.current.errors = ["This is not your current password."]
        except AccountError as wrong:
            forms.blame(form, wrong)
    return render_template("sign_in/password.html", form=form, forced=g.account.must_change_password), 422 if form.errors else 200


def _changed(password: str) -> ResponseReturnValue:
    users.change_password(g.account, password, by=caller.actor(), keep=sessions.Kept(session=g.session.id))
    signed_in.renew_session()
    forms.say("Your password is changed. Every other session has ended.")
    return redirect("/me", 303)


@pages.post("/me/token")
@signed_in.any_account
def new_token() -> ResponseReturnValue:
    """The only time that anybody sees the token, so it is told in the answer itself."""
    if (asked := confirming.ask()) is not None:
        return asked
    return render_template("me/token.html", token=tokens.renew_api_token(g.account, by=caller.actor()))


@pages.post("/me/sessions/<number:session_id>/end")
@signed_in.any_account
def end_session(session_id: int) -> ResponseReturnValue:
    sessions.end(session_id, g.account, by=caller.actor())
    forms.say("Ended that session.")
    return redirect("/me", 303)


@pages.post("/me/sessions/end")
@signed_in.any_account
def end_other_sessions() -> ResponseReturnValue:
    users.end_sessions(g.account, by=caller.actor(), keep=sessions.Kept(session=g.session.id))
    forms.say("Ended every other session.")
    return redirect("/me", 303)
