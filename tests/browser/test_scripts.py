"""For scripts, in a browser: what is shown can be copied where scripts run, and the line under a view folds out without them."""
from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.person import Person


def test_a_line_can_be_copied_where_scripts_run(ada: Person) -> None:
    if ada.scripts:
        ada.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ada.open("/scripts")
    button = ada.page.get_by_role("button", name="Copy the first request")
    if not ada.scripts:
        expect(button).to_be_hidden()
        return
    ada.follow(button)
    expect(button).to_have_text("Copied")
    line = ada.page.get_by_role("region", name="the first request").inner_text()
    assert ada.page.evaluate("navigator.clipboard.readText()") == line.strip()
    expect(button).to_have_text("Copy")


def test_the_same_by_curl_folds_out_without_a_script(ada: Person) -> None:
    ada.open("/users/new")
    region = ada.page.get_by_role("region", name="the same by curl")
    expect(region).to_be_hidden()
    ada.follow(ada.page.locator("summary", has_text="The same by curl"))
    expect(region).to_contain_text(f"{ada.address}/api/v2/users/new-name")
