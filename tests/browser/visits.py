"""How each page is reached, in every state that it can be in."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.conftest import Newcomer
from tests.browser.console import PASSWORD, Console, Office
from tests.browser.finger import Finger
from tests.browser.person import Person
from tests.browser.test_second_factor import add_app


class Visits:
    """A method a page; each returns the person who looks at it."""

    def __init__(self, arrive: Callable[..., Person], newcomer: Callable[..., Newcomer], request: pytest.FixtureRequest) -> None:
        self.arrive, self.newcomer, self.request = arrive, newcomer, request
        self.bobs: list[Newcomer] = []
        self.fingers: list[Finger] = []

    @property
    def office(self) -> Office:
        return self.request.getfixturevalue("office")

    def stranger(self, path: str, at: Console | None = None) -> Person:
        person = self.arrive(at=at)
        person.open(path)
        return person

    def ada(self, path: str, at: tuple[Console, Office] | None = None) -> Person:
        console, office = at or self.request.getfixturevalue("lively")
        person = self.arrive(at=console, storage_state=office.request.storage_state())
        person.open(path)
        return person

    def bob(self, path: str, **fields: str) -> Person:
        person = self.arrive(storage_state=self._elsewhere(self.newcomer(**fields)).request.storage_state())
        person.open(path)
        return person

    def set_up(self) -> Person:
        waiting = self.request.getfixturevalue("waiting")
        return self.stranger(waiting.link, at=waiting)

    def set_up_with_errors(self) -> Person:
        person = self.set_up()
        person.press("Make my account and go in")
        return person

    def waiting(self) -> Person:
        return self.stranger("/", at=self.request.getfixturevalue("waiting"))

    def sign_in(self) -> Person:
        return self.stranger("/login")

    def sign_in_refused(self) -> Person:
        person = self.stranger("/login")
        person.sign_in("nobody", "not this one")
        return person

    def signed_out(self) -> Person:
        person = self.bob("/me")
        person.press("Sign out")
        return person

    def users(self) -> Person:
        self.request.getfixturevalue("crowd")
        return self.ada("/users?per_page=25")

    def users_filtered(self) -> Person:
        self.office.do(f"/users/{self.newcomer().number}/disable")
        return self.ada("/users?state=disabled&role=user&sort=username&order=desc")

    def users_menu(self) -> Person:
        person = self.ada(f"/users?q={self.newcomer().username}")
        person.follow(person.page.get_by_role("button", name="Role"))
        return person

    def users_columns(self) -> Person:
        person = self.ada(f"/users?q={self.newcomer().username}")
        person.press("Columns")
        return person

    def users_empty(self) -> Person:
        return self.ada("/users", at=self.request.getfixturevalue("empty"))

    def users_nothing_found(self) -> Person:
        self.newcomer()
        return self.ada("/users?q=nobody-is-called-this")

    def users_unknown_view(self) -> Person:
        return self.ada("/users?sort=shoe-size")

    def user(self) -> Person:
        bob = self._bob_with_history()
        return self.ada(f"/users/{bob.number}")

    def user_long(self) -> Person:
        """Names as long as they come."""
        bob = self.newcomer("Maximiliane" * 3, last_name="Bartholomäus-Ziegenfuß " * 5)
        return self.ada(f"/users/{bob.number}")

    def user_disabled(self) -> Person:
        bob = self.newcomer()
        self.office.do(f"/users/{bob.number}/disable")
        return self.ada(f"/users/{bob.number}")

    def user_deleted(self) -> Person:
        return self.ada(f"/users/{self._gone().number}")

    def user_new(self) -> Person:
        return self.ada("/users/new")

    def user_new_with_errors(self) -> Person:
        person = self.ada("/users/new")
        person.press("Save")
        return person

    def user_edit(self) -> Person:
        return self.ada(f"/users/{self.newcomer().number}/edit")

    def user_edit_with_errors(self) -> Person:
        person = self.user_edit()
        person.write("Username", "no spaces here")
        person.write("E-mail", "no address")
        person.press("Save")
        return person

    def user_conflict(self) -> Person:
        bob = self.newcomer()
        person = self.ada(f"/users/{bob.number}/edit")
        return self._too_late(person, bob)

    def user_delete_question(self) -> Person:
        return self.ada(f"/users/{self._bob_with_history().number}/delete")

    def user_delete_question_long(self) -> Person:
        return self.ada(f"/users/{self.newcomer('m' * 60).number}/delete")

    def user_delete_dialog(self) -> Person:
        person = self.user()
        person.press("Delete")
        return person

    def user_purge_question(self) -> Person:
        return self.ada(f"/users/{self._gone().number}/purge")

    def confirm(self) -> Person:
        person = self.bob("/users", first_name="Carol", role="2")
        self.request.getfixturevalue("console").let_time_pass(person.context)
        person.open(f"/users/{self._gone().number}")
        person.press("Restore")
        return person

    def password(self) -> Person:
        return self.ada("/password")

    def password_with_errors(self) -> Person:
        person = self.ada("/password")
        person.press("Change password")
        return person

    def password_forced(self) -> Person:
        return self.bob("/password", must_change="y")

    def me(self) -> Person:
        return self.bob("/me")

    def sign_in_with_passkeys(self) -> Person:
        person = self.arrive(by_name=True)
        person.open("/login")
        return person

    def me_with_passkeys(self) -> Person:
        person = self._with_passkey()
        person.open("/me")
        return person

    def passkey_new(self) -> Person:
        return self._at_name("/me/passkeys/new")

    def passkey_new_with_errors(self) -> Person:
        person = self._with_passkey()
        person.open("/me/passkeys/new")
        self.fingers[-1].lay_down()
        person.press("Add a passkey")      # there is one on this device
        person.page.get_by_text("on this device already").wait_for()
        return person

    def passkey_rename(self) -> Person:
        person = self.me_with_passkeys()
        person.press("Rename the passkey My phone")
        return person

    def passkey_remove(self) -> Person:
        person = self.me_with_passkeys()
        person.press("Remove the passkey My phone")
        return person

    def second_by_passkey(self) -> Person:
        person, bob = self._with_passkey(), self.bobs[-1]
        person.context.clear_cookies()
        person.sign_in(bob.username, PASSWORD)
        person.page.wait_for_url("**/login/second")
        return person

    def confirm_by_passkey(self) -> Person:
        person = self._with_passkey()
        self.request.getfixturevalue("console").let_time_pass(person.context)
        person.open("/me/passkeys/new")
        return person

    def me_conflict(self) -> Person:
        bob = self.newcomer()
        person = self.arrive(storage_state=self._elsewhere(bob).request.storage_state())
        person.open("/me")
        return self._too_late(person, bob)

    def me_administrator(self) -> Person:
        return self.ada("/me")

    def me_with_a_second_factor(self) -> Person:
        person = self._bob_with_an_app()
        person.press("I have put them away")
        return person

    def authenticator(self) -> Person:
        return self.bob("/me/authenticator")

    def authenticator_with_errors(self) -> Person:
        person = self.bob("/me/authenticator")
        person.write("Code that the app shows now", "one two three")
        person.press("Add this app")
        return person

    def authenticator_remove_question(self) -> Person:
        person = self.me_with_a_second_factor()
        person.open("/me/authenticator/remove")
        return person

    def recovery_codes(self) -> Person:
        return self._bob_with_an_app()

    def second_step(self) -> Person:
        person = self.me_with_a_second_factor()
        name = person.page.locator(".person .under span").first.inner_text()
        person.press("Sign out")
        person.told("You are signed out.")
        person.sign_in(name, PASSWORD)
        person.page.wait_for_url("**/login/second")
        return person

    def second_step_refused(self) -> Person:
        person = self.second_step()
        person.write("Code from the app", "no code")
        person.press("Sign in")
        return person

    def second_step_by_recovery_code(self) -> Person:
        person = self.second_step()
        person.press("Use a recovery code")
        return person

    def confirm_by_password_or_code(self) -> Person:
        person = self.me_with_a_second_factor()
        self.request.getfixturevalue("console").let_time_pass(person.context)
        person.press("Make new recovery codes")
        return person

    def user_with_a_second_factor(self) -> Person:
        return self.ada(f"/users/{self._secured().number}")

    def reset_factors_question(self) -> Person:
        return self.ada(f"/users/{self._secured().number}/reset-factors")

    def api_token(self) -> Person:
        person = self.bob("/me")
        person.press("Make a new API token")
        return person

    def activity(self) -> Person:
        return self.ada(f"/activity?q={self._bob_with_history().username}")

    def activity_nothing_found(self) -> Person:
        return self.ada("/activity?q=nobody")

    def activity_refused(self) -> Person:
        bob = self.newcomer()
        person = self.stranger("/login")
        person.sign_in(bob.username, "not this one")
        return self.ada(f"/activity?q={bob.username}")

    def activity_menu(self) -> Person:
        person = self.ada("/activity?q=nobody")
        person.press("Time")
        return person

    def settings(self) -> Person:
        return self.ada("/settings")

    def settings_with_errors(self) -> Person:
        person = self.ada("/settings")
        person.write("Sessions end unused after", "0")
        person.press("Save")
        return person

    def settings_that_take_something_away(self) -> Person:
        person = self.ada("/settings")
        person.page.get_by_label("Self-registration").select_option("no")
        person.page.get_by_label("Directory for ordinary accounts").select_option("yes")
        person.press("Save")
        return person

    def account_menu(self) -> Person:
        person = self.ada("/me")
        person.press("Signed in as ada")
        return person

    def keys(self) -> Person:
        person = self.ada("/me")
        person.page.keyboard.press("?")
        return person

    def scripts(self) -> Person:
        return self.ada("/scripts")

    def scripts_contract(self) -> Person:
        return self.ada("/scripts/users_v2_basic")

    def same_by_curl(self) -> Person:
        """Everything that folds away, unfolded."""
        person = self.ada("/users/new")
        for fold in person.page.locator("summary").all():
            fold.click()
        return person

    def refused(self) -> Person:
        return self.bob("/users")

    def not_found(self) -> Person:
        return self.ada("/nothing-here")

    def not_found_by_a_stranger(self) -> Person:
        return self.stranger("/nothing-here")

    def _bob_with_an_app(self) -> Person:
        """On the page that shows the recovery codes."""
        person = self.bob("/me/authenticator")
        add_app(person)
        return person

    def _secured(self) -> Newcomer:
        """Somebody else who has an app."""
        bob, person = self.newcomer(), self.stranger("/login")
        person.sign_in(bob.username, PASSWORD)
        person.page.wait_for_url("**/me")
        person.open("/me/authenticator")
        add_app(person)
        return bob

    def _at_name(self, path: str) -> Person:
        """Bob, where passkeys can be."""
        person = self.arrive(by_name=True)
        person.open("/login")
        self.bobs.append(self.newcomer())
        person.sign_in(self.bobs[-1].username, PASSWORD)
        person.page.wait_for_url("**/me")
        person.open(path)
        return person

    def _with_passkey(self) -> Person:
        """And with a passkey, on a device that nobody touches from then on."""
        person = self._at_name("/me/passkeys/new")
        self.fingers.append(Finger(person))
        person.write("Name", "My phone")
        person.press("Add a passkey")
        person.page.get_by_role("heading", name="Put these recovery codes away").wait_for()
        self.fingers[-1].lift()
        return person

    def _bob_with_history(self) -> Newcomer:
        bob = self.newcomer()
        self.office.do(f"/users/{bob.number}/edit", username=bob.username, email="", display_name="Roberta", role="1", version="1",
                       reason="as she asked")
        self._elsewhere(bob)
        return bob

    def _too_late(self, person: Person, bob: Newcomer) -> Person:
        """Somebody else saves what the person, whose form is open, saves then."""
        self.office.do(f"/users/{bob.number}/edit", username=bob.username, email=bob.email, display_name="Theirs", role="1", version="1")
        person.write("Display name", "Mine")
        person.press("Save")
        return person

    def _elsewhere(self, who: Newcomer) -> Office:
        office: Office = self.request.getfixturevalue("elsewhere")(who)
        return office

    def _gone(self) -> Newcomer:
        bob = self.newcomer()
        self.office.do(f"/users/{bob.number}/delete", reason="has left")
        return bob


PAGES = [name for name in vars(Visits) if not name.startswith("_") and name not in ("office", "stranger", "ada", "bob")]
