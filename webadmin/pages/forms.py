"""Fields that several pages share, and how a broken rule finds its field."""
from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, PasswordField, StringField
from wtforms.validators import InputRequired, Length

from webadmin.accounts.errors import AccountError
from webadmin.accounts.models import LONGEST_TEXT


def _text(label: str, *validators: Any, **attributes: Any) -> StringField:
    return StringField(label, [*validators, Length(max=LONGEST_TEXT, message=f"This is longer than {LONGEST_TEXT} characters.")],
                       filters=[lambda given: given or ""], render_kw=attributes)


def username(label: str, **attributes: Any) -> StringField:
    return _text(label, InputRequired("A username is needed."), autocomplete="username", autocapitalize="none", spellcheck="false",
                 **attributes)


def email(label: str = "E-mail", **attributes: Any) -> StringField:
    return _text(label, autocomplete="email", inputmode="email", autocapitalize="none", spellcheck="false", **attributes)


def plain(label: str, **attributes: Any) -> StringField:
    return _text(label, **attributes)


def current_password(label: str, **attributes: Any) -> PasswordField:
    return PasswordField(label, [InputRequired("The password is needed.")], render_kw={"autocomplete": "current-password", **attributes})


def new_password(label: str, *, needed: bool = True, **attributes: Any) -> PasswordField:
    return PasswordField(label, [InputRequired("A password is needed.")] if needed else [],
                         render_kw={"autocomplete": "new-password", **attributes})


def tick(label: str, **options: Any) -> BooleanField:
    return BooleanField(label, **options)


def blame(form: FlaskForm, wrong: AccountError) -> None:
    """Put the sentence of a broken rule beside the field it belongs to, or at the top of the form."""
    field: Field | None = form._fields.get(wrong.field)
    if field is None:
        form.form_errors.append(wrong.sentence)
    else:
        field.errors = [*field.errors, wrong.sentence]
