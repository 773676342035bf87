"""An authenticator app: added, asked for, replaced by a recovery code, removed. With mouse, keys, and without scripts."""
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Newcomer
from tests.browser.console import PASSWORD
from tests.browser.person import Person, Way
from tests.phone import Phone


def add_app(person: Person) -> Phone:
    """On the page that adds one. Ends on the page that shows the recovery codes."""
    phone = Phone(person.page.get_by_role("region", name="Key").inner_text())
    person.write("Code that the app shows now", phone.code())
    person.press("Add this app")
    expect(person.page.get_by_role("heading", level=1, name="Put these recovery codes away")).to_be_visible()
    phone.codes = person.page.get_by_role("list", name="Recovery codes").locator("code").all_inner_texts()
    return phone


def arrived(person: Person) -> None:
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()


def test_an_app_is_added_and_asked_for_and_a_recovery_code_stands_in(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person],
                                                                     way: Way) -> None:
    bob, person = newcomer(), arrive(way=way)
    person.sign_in(bob.username, PASSWORD)
    arrived(person)
    person.press("Add an authenticator app")
    expect(person.page.get_by_role("img", name=re.compile("^QR code"))).to_be_visible()
    phone = add_app(person)
    assert len(phone.codes) == 10
    person.press("I have put them away")
    arrived(person)
    person.press("Sign out")
    person.told("You are signed out.")
    person.sign_in(bob.username, PASSWORD)
    person.write("Code from the app", phone.wrong())
    person.press("Sign in")
    expect(person.page.get_by_text("This code is wrong, or has been used already.")).to_be_visible()
    person.write("Code from the app", phone.code(1))      # that of this half minute has added the app
    person.press("Sign in")
    arrived(person)
    person.press("Sign out")
    person.told("You are signed out.")
    person.sign_in(bob.username, PASSWORD)
    person.press("Use a recovery code")
    person.write("Recovery code", phone.codes[0])
    person.press("Sign in")
    person.told("Recovery codes left: 9.")


def test_the_recovery_codes_are_downloaded(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person], way: Way,
                                           tmp_path: Path) -> None:
    person = arrive(way=way)
    person.sign_in(newcomer().username, PASSWORD)
    arrived(person)
    person.open("/me/authenticator")
    phone = add_app(person)
    with person.page.expect_download() as download:
        person.press("Download as a file")
    assert download.value.suggested_filename == "webadmin-recovery-codes.txt"
    download.value.save_as(tmp_path / "codes")
    assert all(code in (tmp_path / "codes").read_text() for code in phone.codes)


def test_an_app_is_removed(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person], way: Way) -> None:
    bob, person = newcomer(), arrive(way=way)
    person.sign_in(bob.username, PASSWORD)
    arrived(person)
    person.open("/me/authenticator")
    add_app(person)
    person.press("I have put them away")
    person.press("Remove the authenticator app")
    person.press("Remove")
    person.told("Removed the authenticator app.")
    person.press("Sign out")
    person.told("You are signed out.")
    person.sign_in(bob.username, PASSWORD)
    arrived(person)


def test_an_administrator_resets_the_factors_of_somebody_who_lost_them(newcomer: Callable[..., Newcomer], arrive: Callable[..., Person],
                                                                       ada: Person) -> None:
    bob, person = newcomer(), arrive()
    person.sign_in(bob.username, PASSWORD)
    arrived(person)
    person.open("/me/authenticator")
    add_app(person)
    ada.open(f"/users/{bob.number}")
    ada.press("Reset")
    ada.press("Reset")
    ada.told(f"Reset the second factors of {bob.display_name}")
    person.open("/me")
    person.sign_in(bob.username, PASSWORD)
    arrived(person)
