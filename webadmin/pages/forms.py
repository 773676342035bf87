"""Fields that several pages share, and how a broken rule finds its field."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import flash, g, redirect, render_template, session
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import BooleanField, EmailField, Field, PasswordField, StringField, ValidationError
from wtforms.validators import InputRequired, Length, Optional

from webadmin.accounts import names, passwords
from webadmin.accounts.errors import AccountError
from webadmin.accounts.models import LONGEST_TEXT

LONGEST_NUMBER = 18      # digits


class Accepted:
    """The field passes a rule of accounts/ now, so that a form names everything that is wrong at once. Empty is for others to judge."""

    def __init__(self, rule: Callable[[str], object]):
        self.rule = rule

    def __call__(self, _form: FlaskForm, field: Field) -> None:
        try:
            if field.data:
                self.rule(field.data)
        except AccountError as wrong:
            raise ValidationError(wrong.sentence) from None


def _text(label: str, *validators: Any, kind: type[StringField] = StringField, **attributes: Any) -> StringField:
    return kind(label, [*validators, Length(max=LONGEST_TEXT, message=f"This is longer than {LONGEST_TEXT} characters.")],
                       filters=[lambda given: given or ""], render_kw=attributes)


def username(label: str, **attributes: Any) -> StringField:
    return _text(label, InputRequired("A username is needed."), Accepted(names.username),
                 **{"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", **attributes})


def email(label: str = "E-mail", **attributes: Any) -> StringField:
    return _text(label, Accepted(names.email), kind=EmailField,
                 **{"autocomplete": "email", "autocapitalize": "none", "spellcheck": "false", **attributes})


def plain(label: str, **attributes: Any) -> StringField:
    return _text(label, **attributes)


def current_password(label: str, **attributes: Any) -> PasswordField:
    return PasswordField(label, [InputRequired("The password is needed.")], render_kw={"autocomplete": "current-password", **attributes})


def new_password(label: str, *, needed: bool = True, **attributes: Any) -> PasswordField:
    given = InputRequired("A password is needed.") if needed else Optional(strip_whitespace=False)
    return PasswordField(label, [given, Accepted(passwords.accept)], render_kw={"autocomplete": "new-password", **attributes},
                         description=f"At least {passwords.SHORTEST} characters. Anything goes, a sentence is best.")


def new_password_again(label: str) -> PasswordField:
    return PasswordField(label, [InputRequired("A password is needed.")], render_kw={"autocomplete": "new-password"})


def code(label: str, needed: str, **attributes: Any) -> StringField:
    return StringField(label, [InputRequired(needed)], render_kw={"autocapitalize": "none", "spellcheck": "false", **attributes})


def app_code(label: str = "Code from the app", **attributes: Any) -> StringField:
    return code(label, "The six digits that the app shows are needed.",
                **{"autocomplete": "one-time-code", "inputmode": "numeric", **attributes})


def tick(label: str, **options: Any) -> BooleanField:
    return BooleanField(label, **options)


def unless_untouched(field: Field) -> dict[str, str]:
    """Name and value of a box in which something else stands than the form opened with: what nobody typed into may follow from the rest."""
    return {} if field.data == (field.object_data or "") else {field.name: field.data}


def blame(form: FlaskForm, wrong: AccountError) -> None:
    """Put the sentence of a broken rule beside the field it belongs to, or at the top of the form; the answer gets its status."""
    g.refused = wrong
    field: Field | None = form._fields.get(wrong.field)
    if field is None:
        form.form_errors.append(wrong.sentence)
    else:
        field.errors = [*field.errors, wrong.sentence]


def say(sentence: str, **words: str) -> None:
    """What the next page tells the person, who did it; it takes the place of what no page has told them yet."""
    session.pop("_flashes", None)
    flash(Markup(sentence).format(**words), "done")


def added(codes: list[str], factor: str) -> ResponseReturnValue:
    """With the first factor come recovery codes, which nobody sees again."""
    if codes:
        return render_template("me/codes.html", codes=codes, added=True)
    say("Added {factor}. Every other session has ended.", factor=factor)
    return redirect("/me", 303)


def warn(sentence: str) -> None:
    """What the next page tells the person about what was refused."""
    session.pop("_flashes", None)
    flash(sentence, "danger")


def differing(form: FlaskForm, theirs: FlaskForm, names: Iterable[str],
              said: Callable[[str, Any], str] = lambda name, data: str(data or "")) -> list[tuple[str, str, str]]:
    """Label, what was typed, and what somebody saved meanwhile, of every field that differs. The form's next save goes on top of that."""
    form.version.raw_data, form.version.data = None, theirs.version.data
    pairs = [(form[name].label.text, said(name, form[name].data), said(name, theirs[name].data)) for name in names]
    return [(label, mine, other) for label, mine, other in pairs if mine != other]


def is_whole(text: str) -> bool:
    """A number in digits of ASCII that every engine takes."""
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER


def version_of(form: FlaskForm) -> int:
    """The version that the form showed. Without one nobody knows what was seen: -1, which conflicts with all that there are."""
    given = str(form.version.data or "")
    return int(given) if is_whole(given) else -1
