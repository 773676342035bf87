"""Settings: the policies, each with what it does today; how this server stands; what was changed."""
from __future__ import annotations

from typing import Any

from flask import current_app, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, SelectChoice, SelectField, StringField, ValidationError

from webadmin import backups, caller, status
from webadmin.accounts import activity, policies, today
from webadmin.accounts.errors import AccountError, Invalid
from webadmin.accounts.policies import POLICIES, Policies
from webadmin.pages import confirming, forms, shown, signed_in

pages = signed_in.door("settings", "/settings")
PARTS = (("Who comes in", ("registration", "registrations_an_hour", "directory")),
         ("Signing in", ("idle_minutes", "session_hours", "remember_days", "second_factor", "common_passwords")),
         ("Scripts", ("mask_hashes",)), ("Forgetting", ("log_days",)), ("Backups", ("backup_hours", "backup_days")))


class SettingsForm(FlaskForm):
    """One field for each policy; `version` is what was seen, `agreed` what was warned of."""

    version = HiddenField()
    agreed = HiddenField()


def _allowed(_form: FlaskForm, field: Field) -> None:
    try:
        policies.read(field.name, field.data or "")
    except Invalid as wrong:
        raise ValidationError(wrong.sentence) from None


for _name, _policy in POLICIES.items():
    _choices = [SelectChoice(value, word) for value, word in _policy.choices.items()]
    setattr(SettingsForm, _name, SelectField(_policy.label, [_allowed], choices=_choices, validate_choice=False) if _choices else
            StringField(_policy.label, [_allowed], render_kw={"inputmode": "numeric", "autocomplete": "off"}))


@pages.route("", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """A change that takes something away is told first, and saved when it is sent again."""
    form = _form()
    if not form.validate_on_submit():
        return _page(form), 422 if form.errors else 200
    wanted = {name: form[name].data for name in POLICIES if name in form}
    losses = _losses(wanted)
    agreed = " ".join(f"{name}={text}" for name, text in wanted.items())
    if losses and form.agreed.data != agreed:
        form.agreed.data = agreed
        return _page(form, losses=losses)
    if (asked := confirming.ask()) is not None:
        return asked
    return _save(form, wanted)


def _form() -> SettingsForm:
    """As things stand, without the fields that nobody can change here."""
    values, version = policies.now(), policies.version(policies.stored())
    form = SettingsForm(data={**{name: policies.text(getattr(values, name)) for name in POLICIES}, "version": str(version)})
    for name in POLICIES:
        if policies.fixed_by(name) or (name.startswith("backup_") and not backups.are_made_here()):
            del form[name]
    return form


def _losses(wanted: dict[str, str]) -> list[str]:
    before = policies.now()
    after = Policies(**{**vars(before), **{name: policies.read(name, text) for name, text in wanted.items()}})
    return today.losses(before, after)


def _save(form: SettingsForm, wanted: dict[str, str]) -> ResponseReturnValue:
    before = policies.now()
    try:
        after = policies.change(wanted, by=caller.actor(), seen=forms.version_of(form))
    except policies.ChangedMeanwhile:
        return _conflict_page(form), 409
    except AccountError as wrong:
        forms.blame(form, wrong)
        return _page(form), 422
    forms.say("Saved. It counts from now on." if after != before else "Nothing was different, so nothing was changed.")
    return redirect("/settings", 303)


def _conflict_page(form: SettingsForm) -> str:
    """Both values of each that differs; saving again goes on top of the newer ones."""
    values = policies.now()
    differs = [(policy.label, policies.words(name, policies.read(name, form[name].data)), policies.words(name, getattr(values, name)))
               for name, policy in POLICIES.items() if name in form and form[name].data != policies.text(getattr(values, name))]
    form.version.data = str(policies.version(policies.stored()))
    return _page(form, differs=differs)


def _page(form: SettingsForm, **more: Any) -> str:
    here = current_app.config["SETTINGS"]
    found = status.backups_of(here)
    return render_template("settings/index.html", form=form, parts=_parts(form, found), server=status.server(here), backups=found,
                           history=[shown.line(each) for each in activity.of_settings(shown.LATEST)], **more)


def _parts(form: SettingsForm, found: status.Backups | None) -> list[tuple[str, list[dict[str, Any]]]]:
    """Heading and rows; a policy that this engine does not know has none."""
    values, rows = policies.now(), policies.stored()
    sentences = {**today.sentences(values), **(found.sentences(values) if found else {})}
    return [(heading, [_row(name, form, values, rows.get(name), sentences[name]) for name in names if name in sentences])
            for heading, names in PARTS if any(name in sentences for name in names)]


def _row(name: str, form: SettingsForm, values: Policies, stored: Any, sentence: str) -> dict[str, Any]:
    by = activity.name_of(stored.by) if stored and stored.by else "the command line"
    return {"policy": POLICIES[name], "field": form._fields.get(name), "words": policies.words(name, getattr(values, name)),
            "today": sentence, "fixed_by": policies.fixed_by(name), "variable": policies.variable(name),
            "by": by if stored else "", "at": stored.updated_at if stored else 0}
