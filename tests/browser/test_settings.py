"""Settings, three ways: with the mouse, with the keys, without scripts."""
from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.person import Person


def _change(person: Person, minutes: str) -> None:
    person.open("/settings")
    person.write("Sessions end unused after", minutes)
    person.press("Save")


def test_a_setting_is_changed_and_stands_in_the_history(ada: Person) -> None:
    _change(ada, "45")
    ada.told("Saved.")
    expect(ada.page.get_by_label("Sessions end unused after")).to_have_value("45")
    expect(ada.page.get_by_role("region", name="Latest changes")).to_contain_text("45 minutes")
    _change(ada, "60")
    ada.told("Saved.")


def test_a_value_that_cannot_be_is_said_beside_its_box(ada: Person) -> None:
    _change(ada, "0")
    ada.told("It must be a whole number from 1 to 1440.")
    expect(ada.page.get_by_label("Sessions end unused after")).to_have_value("0")
