"""The settings page: what it shows of each policy, what it asks before it saves, and what it says of the server."""
from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.conftest import BROWSER
from tests.visitor import Visitor
from webadmin import keeper, status
from webadmin.accounts import policies, registration, sessions, verification
from webadmin.accounts.actors import COMMAND_LINE
from webadmin.accounts.models import Change
from webadmin.pages.settings import PARTS
from webadmin.settings import Given
from webadmin.store import database


@pytest.fixture
def fixed(desk):
    """session_hours is fixed by the environment, idle_minutes by a file."""
    policies.fix({"WEBADMIN_SESSION_HOURS": Given("6", "the environment"), "WEBADMIN_IDLE_MINUTES": Given("15", "/etc/webadmin/config.py")})
    yield desk
    policies.fix({})


def row(page, label: str):
    return next(each for each in page.all("li") if each.all("h3") and each.all("h3")[0].text == label)


def test_every_policy_has_a_row_with_what_it_does_today(desk, bob):
    assert sorted(name for _, names in PARTS for name in names) == sorted(policies.POLICIES)
    page = desk.get("/settings")
    for policy in policies.POLICIES.values():
        text = row(page, policy.label).text
        assert policy.sentence in text and "From the default" in text and re.search(r"\d", text.split(policy.sentence)[1]), text
    assert "Ordinary accounts: 1. Each would see all 2." in row(page, "Directory for ordinary accounts").text


def test_a_change_is_saved_seen_at_once_and_stands_in_the_history(desk, ada):
    desk.fill("/settings", idle_minutes="30", mask_hashes="yes")
    assert policies.lately().idle_minutes == 30 and policies.now().mask_hashes
    page = desk.get("/settings")
    assert "Saved." in page.text and "Set by ada, just now" in row(page, "Sessions end unused after").text
    assert "60 minutes" in page.text and "30 minutes" in page.text and Change.select().where(Change.kind == "settings").count() == 1
    assert "Settings changed" in desk.get("/activity?kind=settings").text


@pytest.mark.parametrize("name, value", [("idle_minutes", "0"), ("idle_minutes", "soon"), ("idle_minutes", ""), ("log_days", "-1"), ("registration", "perhaps"),
                                         ("common_passwords", "10")])
def test_a_value_that_cannot_be_is_a_422_with_the_sentence_beside_it(desk, name, value):
    page = desk.fill("/settings", 422, **{name: value, "mask_hashes": "yes"})
    assert "It must be" in row(page, policies.POLICIES[name].label).text and "One thing to mend" in page.text
    assert policies.stored() == {} and page.form("/settings")["mask_hashes"] == "yes", "nothing that was chosen is lost"


def test_the_directory_is_refused_beside_open_registration(desk, bob):
    page = desk.fill("/settings", 200, directory="yes")
    assert "Each sees all 2" in page.text, "it is told first whom it would show what"
    page = desk.send("/settings", 422)
    assert "Strangers could then list" in row(page, "Directory for ordinary accounts").text and policies.stored() == {}


def test_what_a_change_takes_away_is_told_before_it_is_saved(desk, bob, clock):
    key = sessions.start(bob, by=BROWSER, user_agent="", remember=True)
    clock(days=3)
    desk.client.delete_cookie("webadmin_session")
    desk.sign_in("ada")
    page = desk.fill("/settings", 200, remember_days="2", log_days="1")
    assert "Nothing is saved yet" in page.text and "1 session would end." in page.text and "entries of the log would go for good" in page.text
    assert policies.stored() == {} and sessions.resume(key)
    page = desk.send("/settings", 200, remember_days="1")
    assert "Nothing is saved yet" in page.text, "what was agreed to was something else"
    desk.send("/settings")
    assert policies.now().remember_days == 1 and sessions.resume(key) is None


def test_whom_a_second_factor_would_be_asked_of_is_told_before_it_is_saved(desk, person):
    for number in range(6):
        person(f"chief{number}", role=2)
    assert "Administrators who have none: 7 (ada, chief0, chief1, chief2, chief3 and 2 more)." in row(desk.get("/settings"), "Second factor").text
    page = desk.fill("/settings", 200, second_factor="administrators")
    assert "Nothing is saved yet" in page.text and "Administrators who are asked to add one: 7 (ada," in page.text and policies.stored() == {}
    desk.send("/settings")
    assert policies.now().second_factor == "administrators" and desk.get("/users", 303) is not None


def test_it_asks_who_it_is_after_a_quarter_of_an_hour_and_keeps_the_form(desk, clock):
    clock(minutes=16)
    desk.fill("/settings", 403, idle_minutes="30")
    assert "Confirm that it is you" in desk.page.text and policies.stored() == {}
    desk.send("/settings", confirm_password="three green boats at dawn")
    assert policies.now().idle_minutes == 30


def test_a_stale_form_shows_both_values_and_saves_on_top_when_sent_again(desk):
    desk.get("/settings")
    policies.change({"idle_minutes": "20", "log_days": "400"}, by=COMMAND_LINE)
    page = desk.send("/settings", 409, idle_minutes="30")
    assert "Somebody else saved the settings" in page.text
    assert [[cell.text for cell in each.all("td")] for each in page.all("tr") if each.all("ins")] == [
        ["30 minutes", "20 minutes"], ["0 days", "400 days"]]
    desk.send("/settings")
    assert (policies.now().idle_minutes, policies.now().log_days) == (30, 0)


def test_a_form_that_changes_nothing_says_so(desk):
    desk.fill("/settings")
    assert "Nothing was different" in desk.follow().text and policies.stored() == {}


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 19, "²"])
def test_a_form_without_its_version_is_a_stale_one(desk, version):
    desk.fill("/settings", 409, idle_minutes="30", version=version)
    assert policies.stored() == {}


def test_what_file_or_environment_fixes_is_locked_and_says_by_which(fixed):
    page = fixed.get("/settings")
    text = row(page, "Sessions last at most").text
    assert "6 hours" in text and "Fixed by WEBADMIN_SESSION_HOURS in the environment" in text
    assert "Fixed by WEBADMIN_IDLE_MINUTES in /etc/webadmin/config.py" in row(page, "Sessions end unused after").text
    assert not {"session_hours", "idle_minutes"} & set(page.form("/settings"))
    fixed.send("/settings", session_hours="700", mask_hashes="yes")
    assert policies.now().session_hours == 6 and set(policies.stored()) == {"mask_hashes"}


def test_self_registered_accounts_are_counted(desk):
    registration.register({"username": "eve"}, "a password for eve", by=replace(BROWSER, door="users_v1_jwt", source="192.0.2.7"))
    page = desk.get("/settings")
    assert "1 account registered in the last 7 days." in row(page, "Self-registration").text
    assert "1 account registered, 1 from one source." in row(page, "Accounts from one source").text


def test_backups_are_listed_with_when_the_next_is_due(desk, settings):
    page = desk.get("/settings")
    assert "None is due" in page.text and "0 backups there" in row(page, "A backup is made every").text
    desk.fill("/settings", backup_hours="6")
    keeper.run_due(settings)
    page = desk.get("/settings")
    [file] = (settings.data / "backups").glob("*.db")
    assert page.text.count(file.name) == 2 and "1 backup there" in page.text and "in 5 hours" in page.text or "in 6 hours" in page.text


def test_the_server_says_how_it_stands(desk, settings):
    page = desk.get("/settings")
    for words in ("webadmin 1.0.0", "SQLite 3", str(settings.keys), "without https", verification.head(), "Never yet"):
        assert words in page.text, words
    facts = {each.all("th")[0].text: [cell.text for cell in each.all("td")] for each in page.all("tr") if each.all("th") and each.all("td")}
    assert facts["synchronous"] == ["full", "full"] and facts["journal_mode"] == ["wal", "wal"] and len(facts) == len(database.pools.PRAGMAS)
    verification.note(verification.verify())
    assert "every entry as it was written" in desk.get("/settings").text


def test_administrators_are_told_on_every_page_what_is_wrong_and_others_are_not(desk, app, settings, bob):
    told = {"in the clear": status.IN_THE_CLEAR, "testing": status.TESTING}
    app.config["SETTINGS"] = replace(settings, host="0.0.0.0")
    for address in ("/users", f"/users/{bob.id}", "/activity", "/settings", "/me", "/nothing-here"):
        page = desk.get(address, 404 if address == "/nothing-here" else 200)
        assert all(sentence in page.text for sentence in told.values()), address
    other = Visitor(app).sign_in("bob")
    assert not any(sentence in other.get("/me").text for sentence in told.values())
    app.config["SETTINGS"] = replace(settings, host="0.0.0.0", url="https://accounts.example.com", testing=False)
    app.config["SETTINGS"] = replace(settings, testing=False)
    assert not any(sentence in desk.get("/users").text for sentence in (*told.values(), status.NOT_WRITABLE))


@pytest.mark.parametrize("given, open_", [({"host": "0.0.0.0"}, True), ({"host": "::"}, True), ({"host": "192.0.2.1"}, True), ({"host": "127.0.0.2"}, False), ({}, False),
                                          ({"host": "localhost"}, False), ({"host": "0.0.0.0", "url": "https://a.example.com"}, False),
                                          ({"host": "0.0.0.0", "url": "http://a.example.com"}, True), ({"host": "0.0.0.0", "proxies": 1}, False)])
def test_what_the_network_can_read_is_told(settings, given, open_):
    assert replace(settings, **given).in_the_clear is open_


def test_a_write_that_failed_is_told_until_one_works(desk, monkeypatch):
    monkeypatch.setattr(database.pools, "is_read_only", lambda pool: False)
    database.proxy.obj.execute_sql("PRAGMA query_only = 1")      # as on a full disk: no write works, and the file system does not say so
    desk.post("/logout", 503)
    assert status.NOT_WRITABLE in desk.get("/users").text
    database.proxy.obj.execute_sql("PRAGMA query_only = 0")
    desk.fill("/settings", idle_minutes="30")
    assert status.NOT_WRITABLE not in desk.get("/users").text
