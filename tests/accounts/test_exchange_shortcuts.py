"""The import's short cuts, beside the rules that they stand for: the same verdict for whatever is made up."""
from __future__ import annotations

import pytest

pytest.importorskip("hypothesis", reason="hypothesis, of requirements-dev.txt, makes up the values")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from webadmin.accounts import changes, fields, names
from webadmin.accounts.errors import Invalid
from webadmin.accounts.exchange import checking, columns
from webadmin.accounts.models import Account

settings.register_profile("the same every time", derandomize=True, deadline=None)
settings.load_profile("the same every time")


@given(st.text())
def test_what_is_made_harmless_comes_back_as_it_was(text):
    assert columns.as_meant(columns.harmless(text)) == text
    assert columns.harmless(text)[:1] not in tuple("=+-@\t\r\0＝＋－＠")


MOMENTS = st.integers(1, 253402300799999)
NAMES = st.one_of(st.text(max_size=40), st.from_regex(r"[ -~]{0,30}", fullmatch=True), st.sampled_from(["Zoë", "ǅ", "ﬁ", "İ", "ß", "Å",
    " a ", "=1", "'=1"]))
EMAILS = st.one_of(st.emails(), st.from_regex(r"[A-Za-z0-9_.+@-]{1,30}@[A-Za-z0-9.-]{1,30}", fullmatch=True), st.sampled_from([
    "INFO@example.com", "a@xn--80ak6aa92e.com", "a@ab--cd.com", "a@-x.com", "a@x-.com", "a..b@x.com", "a@x", "a@x.1",
    "a@" + "x" * 63 + ".com", "a@" + "x" * 64 + ".com",
    "x" * 64 + "@a.com", "x" * 65 + "@a.com", "a@" + ".".join(["x" * 60] * 4) + ".com", "é@x.com", "a@é.com", '"a b"@x.com', "a.-b@x.com",
    "a@x.com."]))


def verdict(act):
    try:
        return act()
    except Invalid as wrong:
        return wrong.sentence, wrong.field


@given(EMAILS)
def test_the_short_cut_for_emails_gives_what_the_rule_gives(text):
    if columns.as_meant(text).strip():
        assert verdict(lambda: columns._email(text)) == verdict(lambda: names.email(columns.as_meant(text)))


@given(st.one_of(EMAILS, NAMES, st.from_regex(r"[A-Za-z0-9._+-]{1,20}", fullmatch=True)))
def test_the_short_cut_for_usernames_gives_what_the_rule_gives(text):
    if text:
        assert verdict(lambda: columns._username(text)) == verdict(lambda: names.username(columns.as_meant(text)))


@given(NAMES)
def test_the_short_cut_for_other_names_gives_what_the_rule_gives(text):
    assert verdict(lambda: columns._seen("display_name")(text)) == verdict(lambda: names.seen(columns.as_meant(text), "display_name"))
    assert columns.moment(None) == columns.moment(0) == ""


@given(MOMENTS)
def test_times_come_back_as_they_were(at):
    assert columns._moment("created_at")(columns.moment(at)) == at


@settings(suppress_health_check=list(HealthCheck))
@given(st.fixed_dictionaries({}, optional={
    "username": st.one_of(st.from_regex(r"[A-Za-z0-9._+-]{1,20}", fullmatch=True), EMAILS), "email": EMAILS, "display_name": NAMES,
    "first_name": NAMES,
    "last_name": NAMES, "role": st.sampled_from([1, 2]), "is_chirpy_red": st.booleans(), "must_change_password": st.booleans(),
    "expires_at": MOMENTS}))
def test_an_imported_account_is_what_the_rules_of_one_account_make_of_it(given_):
    """Without a store: fields.put and the import's own way, side by side."""
    cells = {name: columns.harmless(value) if isinstance(value, str) else columns.moment(value) if name == "expires_at" else
             {True: "yes", False: "no"}.get(value, "") if isinstance(value, bool) else str(value) for name, value in given_.items()}

    def by_import():
        checker = checking.Checker(list(cells))
        values = checker.given(list(cells.values()))
        checking.complete(values)
        return checking.draft(values, 1)

    def by_rules():
        account = Account(object_id=None, username="", display_name="", created_at=1, updated_at=1, password_hash=None,
                          password_scheme=None, expires_at=None, email=None)
        username = columns.as_meant(cells.get("username", "")).strip() or columns.as_meant(cells.get("email", "")).strip()
        given_names = {name: value.strip() if name == "email" else value for name, value in given_.items()
                       if not isinstance(value, str) or value.strip()}
        fields.put(account, {**given_names, "username": username})
        return account

    made, wanted = verdict(by_import), verdict(by_rules)
    if not isinstance(made, checking.Draft):
        assert isinstance(wanted, tuple)
        return
    for name in checking.Draft._fields:
        assert getattr(made, name) == getattr(wanted, name), name
    logged = {name: value for name, value in changes.snapshot(wanted).items() if value not in (None, "", False)}
    assert checking.logged(made) == changes._json(logged)
