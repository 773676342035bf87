"""From the printed link to the first ordinary user."""
from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.console import PASSWORD, Console
from tests.browser.person import Person, Way


def test_first_user_is_four_steps_from_the_link(start: Callable[[], Console], arrive: Callable[..., Person], way: Way) -> None:
    console = start()
    person = arrive(at=console, way=way)
    person.open(console.link)
    person.write("Your username", "ada")
    person.write("Password", PASSWORD)
    person.press("Make my account and go in")
    person.told("You are the first administrator.")
    person.press("New user")
    person.write("Username", "bob")
    person.write("Password", PASSWORD)
    person.press("Save")
    person.told("Made the account of bob")
    expect(person.page.get_by_role("heading", level=1, name="bob")).to_be_visible()
    assert person.steps <= 4

    person.open(console.link)
    expect(person.page.get_by_role("heading", level=1, name="Nothing is here")).to_be_visible()


def test_set_up_keeps_what_was_typed_and_says_what_is_wrong(waiting: Console, arrive: Callable[..., Person], way: Way) -> None:
    person = arrive(at=waiting, way=way)
    person.open(waiting.link)
    person.write("Your username", "ada")
    person.write("Password", "ada12345")
    person.press("Make my account and go in")
    expect(person.page.get_by_role("alert")).to_contain_text("This is the account's own name.")
    expect(person.page.get_by_label("Your username")).to_have_value("ada")
    expect(person.page.get_by_label("Password", exact=True)).to_have_value("")


def test_before_set_up_every_page_says_where_the_link_is(waiting: Console, arrive: Callable[..., Person]) -> None:
    person = arrive(at=waiting)
    for path in ("/", "/login", "/users"):
        person.open(path)
        expect(person.page.get_by_role("heading", level=1, name="Not set up yet")).to_be_visible()
