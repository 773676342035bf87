"""Passkeys in a real browser. They need a name: localhost."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Newcomer
from tests.browser.console import PASSWORD, Console
from tests.browser.finger import Finger
from tests.browser.person import Person, Way


@pytest.fixture
def bob(newcomer: Callable[..., Newcomer]) -> Newcomer:
    return newcomer()


@pytest.fixture(params=["mouse", "keys"])
def person(request: pytest.FixtureRequest, arrive: Callable[..., Person], bob: Newcomer) -> Person:
    """Bob, signed in under a name, by mouse and by keys."""
    person = arrive(way=Way(request.param), by_name=True)
    person.sign_in(bob.username, PASSWORD)
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()
    return person


@pytest.fixture
def finger(person: Person) -> Finger:
    return Finger(person)


def add(person: Person, name: str = "My phone") -> None:
    person.press("Add a passkey")
    person.write("Name", name)
    person.press("Add a passkey")
    expect(person.page.get_by_role("heading", level=1, name="Put these recovery codes away")).to_be_visible()


def offers_nothing_by_itself(person: Person) -> None:
    """A browser that asks for passkeys only when a button is pressed."""
    person.page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")


def test_a_passkey_is_added_and_signs_in_without_a_password(person: Person, finger: Finger) -> None:
    add(person)
    person.open("/me")
    expect(person.page.get_by_role("region", name="Second factors")).to_contain_text("My phone")
    offers_nothing_by_itself(person)
    person.press("Sign out")
    person.told("You are signed out.")
    person.press("Sign in with a passkey")
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()
    expect(person.page.get_by_role("region", name="Sign-ins")).to_contain_text("Passkey “My phone”")


def test_it_is_offered_from_the_start(person: Person, finger: Finger) -> None:
    add(person)
    person.press("I have put them away")
    person.press("Sign out")      # a finger lies on it, so that the browser need not ask
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()
    expect(person.page.get_by_role("region", name="Sign-ins")).to_contain_text("Passkey “My phone”")


def test_it_is_the_second_step(person: Person, finger: Finger, bob: Newcomer) -> None:
    add(person)
    person.open("/me")
    finger.lift()
    person.press("Sign out")
    person.told("You are signed out.")
    person.sign_in(bob.username, PASSWORD)
    expect(person.page.get_by_role("heading", level=1, name="Confirm that it is you")).to_be_visible()
    finger.lay_down()
    person.press("Use a passkey")
    expect(person.page.get_by_role("heading", level=1, name="My account")).to_be_visible()


def test_it_confirms(person: Person, finger: Finger, console: Console) -> None:
    add(person)
    console.let_time_pass(person.context)
    person.open("/me")
    person.write("E-mail", "new-" + person.page.get_by_label("E-mail").input_value())
    person.press("Save")
    person.press("Use a passkey")
    person.told("Saved.")


def test_who_is_not_recognised_is_told_and_may_use_the_password(person: Person, finger: Finger, bob: Newcomer) -> None:
    add(person)
    person.open("/me")
    offers_nothing_by_itself(person)
    person.press("Sign out")
    person.told("You are signed out.")
    finger.is_not_recognised()
    person.press("Sign in with a passkey")
    expect(person.page.get_by_text("Nothing was done: the question was closed, or it took too long.")).to_be_visible()
    person.write("Username or e-mail", bob.username)


def test_a_device_that_has_one_already_says_so(person: Person, finger: Finger) -> None:
    add(person)
    person.open("/me/passkeys/new")
    person.press("Add a passkey")
    expect(person.page.get_by_text("There is a passkey for this account on this device already.")).to_be_visible()


def test_it_is_renamed_and_removed(person: Person, finger: Finger) -> None:
    add(person)
    person.open("/me")
    person.press("Rename the passkey My phone")
    person.write("Name", "Old phone")
    person.press("Save")
    person.told("Saved.")
    person.press("Remove the passkey Old phone")
    person.press("Remove")
    person.told("Removed the passkey “Old phone”. Every other session has ended.")


def test_without_scripts_no_button_promises_what_it_cannot_do(arrive: Callable[..., Person], bob: Newcomer) -> None:
    person = arrive(way=Way.NO_SCRIPT, by_name=True)
    person.open("/login")
    expect(person.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(person.page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    person.sign_in(bob.username, PASSWORD)
    person.press("Add a passkey")
    expect(person.page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    expect(person.page.get_by_text("This browser knows no passkeys, or runs no scripts: use another one.")).to_be_visible()


def test_at_a_number_the_page_says_why_there_are_none(arrive: Callable[..., Person], bob: Newcomer) -> None:
    person = arrive()
    person.sign_in(bob.username, PASSWORD)
    expect(person.page.get_by_text("Passkeys need an address with a name")).to_be_visible()
    expect(person.page.get_by_role("link", name="Add a passkey")).to_have_count(0)
