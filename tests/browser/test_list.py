"""The list of users: search, filter, sort, pages, and that the address says it all."""
from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.browser.conftest import Newcomer
from tests.browser.console import Office
from tests.browser.person import Person

SEARCH = "Search name, username or e-mail"


def test_search_finds_by_name_username_and_email(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    bob, carol = newcomer(), newcomer("Carol")
    ada.open("/users")
    ada.write(SEARCH, bob.username)
    if not ada.scripts:
        ada.page.keyboard.press("Enter")
    expect(_names(ada)).to_have_text([bob.display_name])
    expect(ada.page).to_have_url(f"{ada.address}/users?q={bob.username}")
    expect(ada.page.get_by_role("searchbox")).to_have_value(bob.username)
    assert carol.display_name not in ada.page.get_by_role("main").inner_text()


def test_search_as_you_type_waits_for_a_pause_and_keeps_the_focus(arrive: Callable[..., Person], office: Office,
                                                                  newcomer: Callable[..., Newcomer]) -> None:
    bob = newcomer()
    ada = arrive(storage_state=office.request.storage_state())
    ada.open("/users")
    ada.page.evaluate("window.same = true")
    asked: list[str] = []
    ada.page.on("request", lambda request: asked.append(request.url) if "?q=" in request.url else None)
    box = ada.page.get_by_role("searchbox")
    box.press_sequentially(bob.username, delay=10)
    expect(_names(ada)).to_have_text([bob.display_name])
    expect(ada.page.get_by_role("main").get_by_role("status")).to_have_text("1 found.")
    expect(box).to_be_focused()
    assert ada.page.evaluate("window.same"), "the page was loaded anew"
    assert len(asked) < len(bob.username) and asked[-1].endswith(f"?q={bob.username}"), asked      # one, where the machine types at once
    box.fill("")
    expect(ada.page).to_have_url(f"{ada.address}/users")


def test_search_without_a_hit_says_so_and_leads_back(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    newcomer()
    ada.open("/users?q=nobody-is-called-this")
    expect(ada.page.get_by_role("heading", name="Nobody matches")).to_be_visible()
    ada.press("Clear the filters")
    expect(ada.page).to_have_url(f"{ada.address}/users")


def test_filters_stand_in_the_address_and_have_their_way_out(ada: Person, office: Office, newcomer: Callable[..., Newcomer]) -> None:
    bob = newcomer()
    office.do(f"/users/{bob.number}/disable")
    ada.open("/users")
    _switch(ada, "Disabled")
    expect(ada.page).to_have_url(f"{ada.address}/users?state=disabled")
    expect(_names(ada).filter(has_text=bob.display_name)).to_be_visible()
    ada.choose_in_menu("Role", "Administrator")
    expect(ada.page).to_have_url(f"{ada.address}/users?state=disabled&role=administrator")
    ada.press("Remove the filter Role: Administrator")
    expect(ada.page).to_have_url(f"{ada.address}/users?state=disabled")


def test_every_column_sorts_both_ways(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    newcomer()
    ada.open("/users")
    for label in ("Username", "State", "Last signed in"):
        head = ada.page.get_by_role("columnheader", name=label)
        ada.press(label, inside=head)
        expect(head).to_have_attribute("aria-sort", re.compile("ascending|descending"))
        first = head.get_attribute("aria-sort")
        ada.press(label, inside=head)
        expect(head).to_have_attribute("aria-sort", "ascending" if first == "descending" else "descending")


def test_pages_and_their_size_are_links(ada: Person, crowd: None) -> None:
    ada.open("/users")
    ada.press("25")
    expect(ada.page).to_have_url(f"{ada.address}/users?per_page=25")
    expect(_names(ada)).to_have_count(25)
    first = _names(ada).first.inner_text()
    ada.press("Next")
    expect(_names(ada).first).not_to_have_text(first)
    ada.press("Previous")
    expect(_names(ada).first).to_have_text(first)
    ada.press("Last")
    expect(ada.page.get_by_role("link", name="Next", exact=True)).to_have_count(0)
    ada.press("First")
    expect(_names(ada).first).to_have_text(first)


def test_search_keeps_filters_and_page_size(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    bob = newcomer()
    ada.open("/users?state=active&sort=username&per_page=25")
    ada.write(SEARCH, bob.username)
    if not ada.scripts:
        ada.page.keyboard.press("Enter")
    expect(_names(ada)).to_have_text([bob.display_name])
    for word in ("state=active", "sort=username", "per_page=25"):
        assert word in ada.page.url


def test_columns_are_put_away_and_stay_away(arrive: Callable[..., Person], office: Office, newcomer: Callable[..., Newcomer]) -> None:
    newcomer()
    ada = arrive(storage_state=office.request.storage_state())
    ada.open("/users")
    head = ada.page.get_by_role("columnheader", name="E-mail")
    expect(head).to_be_visible()
    ada.press("Columns")
    ada.page.get_by_role("checkbox", name="E-mail").uncheck()
    expect(head).to_be_hidden()
    ada.page.reload()
    expect(head).to_be_hidden()
    ada.page.get_by_role("searchbox").fill("a")
    expect(ada.page).to_have_url(re.compile("q=a"))
    expect(head).to_be_hidden()


def test_who_never_signed_in_reads_well_in_a_column_and_on_a_card(ada: Person, newcomer: Callable[..., Newcomer]) -> None:
    ada.open(f"/users?q={newcomer().username}")
    cell, wide = ada.page.locator("td.when").first, ada.page.viewport_size
    assert wide and cell.inner_text() == "Never"
    ada.page.set_viewport_size({"width": 360, "height": 720})
    card = cell.inner_text(), cell.evaluate("cell => getComputedStyle(cell, '::before').content")
    ada.page.set_viewport_size(wide)
    assert card == ("Never signed in", "none")


def test_activity_is_searched_and_filtered(ada: Person, office: Office, newcomer: Callable[..., Newcomer]) -> None:
    bob = newcomer()
    office.do(f"/users/{bob.number}/disable")
    ada.open("/users")
    ada.press("Activity")
    ada.write("Search who or whom", bob.username)
    if not ada.scripts:
        ada.page.keyboard.press("Enter")
    expect(_names(ada)).to_have_text(["Account disabled", "Account made"])
    ada.choose_in_menu("Kind", "Account made")
    expect(_names(ada)).to_have_text(["Account made"])


def _names(person: Person) -> Locator:
    return person.page.locator("tbody .name")


def _switch(person: Person, word: str) -> None:
    """Each state stands there with its count."""
    person.follow(person.page.get_by_role("navigation", name="State").get_by_role("link", name=word))
