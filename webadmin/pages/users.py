"""Users: list, one account, new, edit, disable, enable, delete, restore, delete for good."""
from __future__ import annotations

from typing import Any

from flask import g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, RadioField, SelectChoice
from wtforms.validators import Optional

from webadmin import caller
from webadmin.accounts import activity, directory, fields, sessions, users
from webadmin.accounts.errors import AccountError, Conflict, NotFound
from webadmin.accounts.models import Account, Role
from webadmin.accounts.second_factors import factors, recovery
from webadmin.pages import confirming, days, forms, listing, shown, signed_in

pages = signed_in.door("users", "/users")
COMPARED = ("username", "email", "display_name", "first_name", "last_name", "role", "expires_on")
ROLES = [SelectChoice(int(role), word) for role, word in shown.ROLES.items()]


class UserForm(FlaskForm):
    username = forms.username("Username", autocomplete="off")
    email = forms.email(autocomplete="off")
    display_name = forms.plain("Display name", autocomplete="off")
    first_name = forms.plain("First name", autocomplete="off")
    last_name = forms.plain("Last name", autocomplete="off")
    role = RadioField("Role", choices=ROLES, coerce=int, default=int(Role.USER))
    expires_on = DateField("Account ends on", [Optional()])
    must_change = forms.tick("Ask for a new password at next sign-in", default=True)      # about the password set here
    reason = forms.plain("Why", autocomplete="off")
    version = HiddenField()

    def given(self) -> dict[str, Any]:
        """The fields as users.update takes them; the account is open until the end of its last day, UTC."""
        names = ("username", "email", "first_name", "last_name", "role")
        return {**{name: self[name].data for name in names}, **forms.unless_untouched(self["display_name"]),
                "expires_at": days.end(self.expires_on.data)}


class NewUserForm(UserForm):
    password = forms.new_password("Password")


class EditUserForm(UserForm):
    password = forms.new_password("New password", needed=False)
    must_change = forms.tick("If set, ask for another password at next sign-in", default=True)


@pages.get("")
def index() -> ResponseReturnValue:
    view = listing.view(request.args)
    return render_template("users/list.html", **listing.shown_on_page(view, directory.page(view), me=g.account.id))


@pages.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    form = NewUserForm()
    if form.validate_on_submit():
        if form.role.data == Role.ADMINISTRATOR and (asked := confirming.ask()) is not None:
            return asked
        given = {**form.given(), "must_change_password": form.must_change.data}
        try:
            account = users.create(given, form.password.data, by=caller.actor(), reason=form.reason.data)
        except AccountError as wrong:
            forms.blame(form, wrong)
        else:
            forms.say("Made the account of <b>{name}</b>.", name=account.display_name)
            return redirect(f"/users/{account.id}", 303)
    return render_template("users/form.html", form=form, account=None, conflict=None), 422 if form.errors else 200


@pages.get("/<number:account_id>")
def show(account_id: int) -> ResponseReturnValue:
    account = users.find(account_id)
    entries = activity.history(account, shown.LATEST + 1)
    return render_template("users/user.html", account=account, sessions=shown.sessions_of(account, current=g.session.id),
                           factors=factors.of(account), codes_left=recovery.left(account),
                           history=[shown.line(each) for each in entries[:shown.LATEST]],
                           more_history=f"/activity?account={account.id}" if len(entries) > shown.LATEST else None,
                           signins=[shown.line(each) for each in activity.history(account, shown.LATEST, groups=("sign-in", "refused"))])


@pages.route("/<number:account_id>/edit", methods=["GET", "POST"])
def edit(account_id: int) -> ResponseReturnValue:
    """A stale form becomes a 409 page with both values; nothing that was typed is lost."""
    account = users.find(account_id)
    if request.method == "GET":
        users.must_not_be_deleted(account)
    form = EditUserForm(data=_form_data(account))
    if account.id == g.account.id:
        del form.password, form.must_change
    if not form.validate_on_submit():
        return render_template("users/form.html", form=form, account=account, conflict=None), 422 if form.errors else 200
    if _needs_confirmation(form, account) and (asked := confirming.ask()) is not None:
        return asked
    try:
        users.must_not_be_deleted(account)      # said before the version, which is another by then too
        _save(account, form)
    except Conflict as conflict:
        return _conflict_page(form, conflict.current)
    except AccountError as wrong:
        forms.blame(form, wrong)
        return render_template("users/form.html", form=form, account=account, conflict=None), 422
    forms.say("Saved the account of <b>{name}</b>.", name=form.display_name.data or account.username)
    return redirect(f"/users/{account.id}", 303)


@pages.post("/<number:account_id>/disable")
def disable(account_id: int) -> ResponseReturnValue:
    account = users.disable(users.find(account_id), by=caller.actor())
    return _done(account, "Disabled the account of <b>{name}</b> and ended its sessions.")


@pages.post("/<number:account_id>/enable")
def enable(account_id: int) -> ResponseReturnValue:
    account = users.enable(users.find(account_id), by=caller.actor())
    return _done(account, "Enabled the account of <b>{name}</b>.")


@pages.post("/<number:account_id>/ask-password")
def ask_password(account_id: int) -> ResponseReturnValue:
    account = users.ask_for_new_password(users.find(account_id), by=caller.actor())
    return _done(account, "<b>{name}</b> will be asked for a new password at the next sign-in.")


@pages.route("/<number:account_id>/reset-factors", methods=["GET", "POST"])
def reset_factors(account_id: int) -> ResponseReturnValue:
    account = users.find(account_id)
    if not factors.of(account).any:
        raise NotFound("This account has no second factor.")
    if request.method == "GET":
        return render_template("users/reset_factors.html", account=account)
    if (asked := confirming.ask()) is not None:
        return asked
    factors.reset(account, by=caller.actor())
    return _done(account, "Reset the second factors of <b>{name}</b> and ended the sessions.")


@pages.post("/<number:account_id>/sessions/end")
def end_sessions(account_id: int) -> ResponseReturnValue:
    account = users.find(account_id)
    users.end_sessions(account, by=caller.actor(), keep=sessions.Kept(session=g.session.id))      # of one's own account, this one goes on
    return _done(account, "Ended the sessions of <b>{name}</b>.")


@pages.post("/<number:account_id>/sessions/<number:session_id>/end")
def end_session(account_id: int, session_id: int) -> ResponseReturnValue:
    account = users.find(account_id)
    sessions.end(session_id, account, by=caller.actor())
    return _done(account, "Ended a session of <b>{name}</b>.")


@pages.route("/<number:account_id>/delete", methods=["GET", "POST"])
def delete(account_id: int) -> ResponseReturnValue:
    account = users.find(account_id)
    if request.method == "GET":
        return render_template("users/delete.html", account=account, sessions=shown.sessions_of(account, current=g.session.id))
    users.delete(account, by=caller.actor(), reason=request.form.get("reason", ""))
    return _done(account, "Deleted the account of <b>{name}</b>. It can be restored.")


@pages.post("/<number:account_id>/restore")
def restore(account_id: int) -> ResponseReturnValue:
    if (asked := confirming.ask()) is not None:
        return asked
    account = users.restore(users.find(account_id), by=caller.actor())
    return _done(account, "Restored the account of <b>{name}</b>.")


@pages.route("/<number:account_id>/purge", methods=["GET", "POST"])
def purge(account_id: int) -> ResponseReturnValue:
    account = users.find(account_id)
    if account.deleted_at is None:
        raise NotFound("Only a deleted account can be deleted for good.")
    if request.method == "GET":
        return render_template("users/purge.html", account=account)
    if (asked := confirming.ask()) is not None:
        return asked
    users.purge(account, by=caller.actor())
    forms.say("Deleted the account of <b>{name}</b> for good. Its username and e-mail are free again.", name=account.display_name)
    return redirect("/users?state=deleted" if directory.tally()["deleted"] != 0 else "/users", 303)


def _form_data(account: Account) -> dict[str, Any]:
    names = ("username", "email", "display_name", "first_name", "last_name", "role", "version")
    return {**{name: getattr(account, name) for name in names}, "expires_on": days.last(account.expires_at)}


def _needs_confirmation(form: EditUserForm, account: Account) -> bool:
    return form.role.data != account.role or fields.changes_email(account, form.given()) or bool(_password_of(form))


def _password_of(form: EditUserForm) -> str:
    """Empty on one's own account: that goes by /password, which asks for the current one."""
    return form.password.data or "" if "password" in form else ""


def _save(account: Account, form: EditUserForm) -> None:
    """Fields and password are one save to the person: both or neither."""
    users.update_with_password(account, form.given(), _password_of(form), by=caller.actor(), version=forms.version_of(form),
                               reason=form.reason.data, must_change="must_change" not in form or form.must_change.data)


def _conflict_page(form: EditUserForm, current: Account) -> ResponseReturnValue:
    """Both values of every field that differs; saving again goes on top of the newer version."""
    rows = forms.differing(form, EditUserForm(formdata=None, data=_form_data(current)), COMPARED, _said)
    return render_template("users/form.html", form=form, account=current, conflict=rows), 409


def _said(name: str, data: Any) -> str:
    return shown.value(name, data) or "" if name == "role" else str(data or "")


def _done(account: Account, sentence: str) -> ResponseReturnValue:
    forms.say(sentence, name=account.display_name)
    return redirect(f"/users/{account.id}", 303)


