"""The one-letter keys and the first stop of the keyboard."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Newcomer
from tests.browser.console import Office
from tests.browser.person import Person


@pytest.fixture
def ada(arrive: Callable[..., Person], office: Office, newcomer: Callable[..., Newcomer]) -> Person:
    newcomer()      # with one account alone there is nothing to search
    ada = arrive(storage_state=office.request.storage_state())
    ada.open("/users")
    return ada


def test_slash_goes_to_the_search_and_is_a_letter_there(ada: Person) -> None:
    ada.page.keyboard.press("/")
    expect(ada.page.get_by_role("searchbox")).to_be_focused()
    ada.page.keyboard.type("/n?")
    expect(ada.page.get_by_role("searchbox")).to_have_value("/n?")
    expect(ada.page.get_by_role("dialog")).to_have_count(0)


def test_question_mark_lists_the_keys(ada: Person) -> None:
    ada.page.keyboard.press("?")
    keys = ada.page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("New user, on the list")
    ada.page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_letters_make_and_edit(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    ada.page.keyboard.press("n")
    expect(ada.page).to_have_url(f"{ada.address}/users/new")
    bob = newcomer()
    ada.open(f"/users/{bob.number}")
    ada.page.keyboard.press("e")
    expect(ada.page).to_have_url(f"{ada.address}/users/{bob.number}/edit")


def test_letters_can_be_switched_off(ada: Person) -> None:
    ada.page.keyboard.press("?")
    ada.page.get_by_label("Use the one-letter keys in this browser").uncheck()
    ada.page.keyboard.press("Escape")
    ada.page.keyboard.press("n")
    ada.page.keyboard.press("/")
    expect(ada.page.get_by_role("searchbox")).not_to_be_focused()
    expect(ada.page).to_have_url(f"{ada.address}/users")


def test_first_stop_of_the_keyboard_skips_to_the_content(ada: Person) -> None:
    ada.page.keyboard.press("Tab")
    skip = ada.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    ada.page.keyboard.press("Enter")
    expect(ada.page.get_by_role("main")).to_be_focused()
