"""One account from its making to its end, by an administrator."""
from __future__ import annotations

import itertools
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Newcomer
from tests.browser.console import PASSWORD, Console, Office
from tests.browser.person import Person, Way

_numbers = itertools.count(1)


def test_new_user_is_made_and_can_sign_in(ada: Person, arrive: Callable[..., Person]) -> None:
    name = f"{ada.way.name.lower()}{next(_numbers)}"
    ada.open("/users/new")
    ada.write("Username", name)
    ada.write("E-mail", f"{name}@example.com")
    ada.write("Display name", "Grace Murray")
    ada.write("Password", PASSWORD)
    ada.tick("Ask for a new password at next sign-in")
    ada.choose("Administrator")
    ada.press("Save")
    ada.told("Made the account of Grace Murray")
    expect(ada.page.get_by_role("heading", level=1, name="Grace Murray")).to_be_visible()
    expect(_fact(ada, "Role")).to_have_text("Administrator")

    grace = arrive()
    grace.sign_in(name, PASSWORD)
    expect(grace.page.get_by_role("heading", level=1, name="Users")).to_be_visible()


def test_form_with_errors_keeps_what_was_typed_and_leads_to_the_fields(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    taken = newcomer()
    ada.open("/users/new")
    ada.write("Username", taken.username)
    ada.write("Display name", "Two of them")
    ada.write("Password", PASSWORD)
    ada.press("Save")
    alert = ada.page.get_by_role("alert")
    expect(alert).to_contain_text("Another account has this username.")
    expect(ada.page.get_by_label("Display name")).to_have_value("Two of them")
    expect(ada.page.get_by_label("Password", exact=True)).to_have_value("")
    ada.press("Username: Another account has this username.", inside=alert)
    expect(ada.page.get_by_role("textbox", name="Username")).to_be_focused()


def test_edit_is_saved_and_stands_in_the_history(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    bob = newcomer()
    ada.open(f"/users/{bob.number}")
    ada.press("Edit")
    ada.write("Display name", "Robert of the Hill")
    ada.write("Why", "as he asked")
    ada.press("Save")
    ada.told("Saved the account of Robert of the Hill")
    history = ada.page.get_by_role("region", name="History")
    expect(history).to_contain_text("as he asked")
    expect(history.locator("del")).to_have_text(bob.display_name)
    expect(history.locator("ins").filter(has_text="Robert of the Hill")).to_be_visible()


def test_two_windows_conflict_and_nothing_is_lost(ada: Person, office: Office, newcomer: Callable[..., Newcomer]) -> None:
    bob = newcomer()
    ada.open(f"/users/{bob.number}/edit")
    ada.write("Display name", "Mine")
    office.do(f"/users/{bob.number}/edit", username=bob.username, email=bob.email, display_name="Theirs", role="1", version="1")
    ada.press("Save")
    alert = ada.page.get_by_role("alert")
    expect(alert.get_by_role("row", name="Display name")).to_contain_text("Mine")
    expect(alert.get_by_role("row", name="Display name")).to_contain_text("Theirs")
    expect(ada.page.get_by_label("Display name")).to_have_value("Mine")
    ada.press("Save")
    ada.told("Saved the account of Mine")


def test_delete_asks_first_and_can_be_taken_back(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    bob = newcomer()
    ada.open(f"/users/{bob.number}")
    ada.press("Delete")
    question = _question(ada)
    expect(question.get_by_role("heading", name=f"Delete {bob.display_name}?")).to_be_visible()
    ada.press("Keep the account", inside=question)
    expect(ada.page.get_by_role("heading", level=1, name=bob.display_name, exact=True)).to_be_visible()

    ada.press("Delete")
    ada.write("Why?", "has left", inside=_question(ada))
    ada.press("Delete", inside=_question(ada))
    ada.told("It can be restored.")
    expect(ada.page.get_by_role("region", name="History")).to_contain_text("has left")
    ada.press("Restore")
    ada.told("Restored the account")
    expect(ada.page.get_by_role("link", name="Edit", exact=True)).to_be_visible()


def test_question_closes_by_escape_and_gives_the_focus_back(arrive: Callable[..., Person], office: Office,
                                                            newcomer: Callable[..., Newcomer]) -> None:
    ada = arrive(way=Way.KEYS, storage_state=office.request.storage_state())
    ada.open(f"/users/{newcomer().number}")
    ada.press("Delete")
    expect(ada.page.get_by_role("dialog")).to_be_visible()
    ada.page.keyboard.press("Escape")
    expect(ada.page.get_by_role("dialog")).to_be_hidden()
    expect(ada.page.get_by_role("main").get_by_role("link", name="Delete", exact=True)).to_be_focused()


def test_deleted_account_can_be_deleted_for_good(ada: Person, office: Office, newcomer: Callable[..., Newcomer]) -> None:
    bob = newcomer()
    office.do(f"/users/{bob.number}/delete")
    ada.open(f"/users/{bob.number}")
    ada.press("Delete for good")
    expect(ada.page.get_by_text("This cannot be taken back.")).to_be_visible()
    ada.press("Delete for good")
    ada.told(f"Deleted the account of {bob.display_name} for good.")
    ada.open(f"/users/{bob.number}")
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Nothing is here")


def test_disabled_account_is_out_at_once_until_it_is_enabled(ada: Person, arrive: Callable[..., Person], newcomer: Callable[..., Newcomer],
                                                             elsewhere: Callable[[Newcomer], Office]) -> None:
    bob = newcomer()
    window = arrive(storage_state=elsewhere(bob).request.storage_state())
    ada.open(f"/users/{bob.number}")
    ada.press("Disable")
    ada.told("Disabled the account")
    window.open("/me")
    expect(window.page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
    ada.press("Enable")
    ada.told("Enabled the account")
    window.sign_in(bob.username, PASSWORD)
    expect(window.page.get_by_role("heading", level=1, name="My account")).to_be_visible()


def test_asking_for_a_new_password_is_said_on_the_page(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    ada.open(f"/users/{newcomer().number}")
    ada.press("Ask for a new password")
    ada.told("will be asked for a new password at the next sign-in")
    expect(ada.page.get_by_role("button", name="Ask for a new password")).to_have_count(0)


def test_change_that_matters_asks_who_it_is_after_a_while(arrive: Callable[..., Person], console: Console, newcomer: Callable[..., Newcomer],
                                                          elsewhere: Callable[[Newcomer], Office], way: Way) -> None:
    bob, carol = newcomer(), newcomer("Carol", role="2")
    person = arrive(way=way, storage_state=elsewhere(carol).request.storage_state())
    console.let_time_pass(person.context)
    person.open(f"/users/{bob.number}/edit")
    person.write("E-mail", f"new-{bob.email}")
    person.press("Save")
    expect(person.page.get_by_role("heading", level=1, name="Confirm that it is you")).to_be_visible()
    person.write("Your password", PASSWORD)
    person.press("Go on")
    person.told("Saved the account")
    expect(person.page.get_by_role("main")).to_contain_text(f"new-{bob.email}")


def _question(person: Person) -> Locator:
    return person.page.get_by_role("dialog" if person.scripts else "main")


def _fact(person: Person, name: str) -> Locator:
    return person.page.locator("dt", has_text=name).locator("xpath=following-sibling::dd[1]").first
