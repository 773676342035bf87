"""The pictures of the README, taken of a real server full of invented people: `python -m tests.browser.pictures`."""
from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.console import PASSWORD, ROOT, Console, Office
from tests.browser.person import Contexts, Person

FOLDER = ROOT / "docs" / "pictures"
DAY = 24 * 3600 * 1000
ADMINISTRATORS = {"ada.okonkwo", "tomas.novak", "yuki.tanaka"}
DISABLED = {"piotr.wisniewski", "fern.gallagher"}
DELETED = {"guest-2024": "The fair is over"}
# username, display name, days since the account was made, days since the last sign-in (None: never)
PEOPLE: list[tuple[str, str, float, float | None]] = [
    ("ada.okonkwo", "Ada Okonkwo", 412, 0),
    ("amara.diallo", "Amara Diallo", 388, 0.1),
    ("backup-nightly", "Backup, nightly", 401, 0.4),
    ("bjorn.lindqvist", "Björn Lindqvist", 360, 1.2),
    ("chiara.fontana", "Chiara Fontana", 341, 3),
    ("dmitri.volkov", "Dmitri Volkov", 333, 96),
    ("eilidh.macleod", "Eilidh MacLeod", 290, 0.2),
    ("fern.gallagher", "Fern Gallagher", 270, 121),
    ("guest-2024", "Guest of the fair", 260, 251),
    ("hana.kovacova", "Hana Kováčová", 241, 6),
    ("ines.alvarez", "Inés Álvarez", 230, 0.9),
    ("jan-willem.devries", "Jan-Willem de Vries", 214, 2),
    ("kwame.mensah", "Kwame Mensah", 180, 0.3),
    ("leila.haddad", "Leila Haddad", 155, 14),
    ("mei.ling", "Mei Ling", 150, 1),
    ("nikos.papadakis", "Νίκος Παπαδάκης", 122, 33),
    ("oluwaseun.adebayo", "Oluwaseun Adebayo", 98, 0.6),
    ("piotr.wisniewski", "Piotr Wiśniewski", 91, 60),
    ("rosa.schreiber", "Rosa Schreiber", 30, 0.05),
    ("tomas.novak", "Tomáš Novák", 21, 0.7),
    ("yuki.tanaka", "Yuki Tanaka", 9, 4),
    ("zeynep.arslan", "Zeynep Arslan", 1.5, None),
]


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        console = Console(Path(folder), quick=False)
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
            office = _fill(console, playwright)
            _take(console, office, Contexts(browser))
            browser.close()
        finally:
            console.end()


def _fill(console: Console, playwright: Playwright) -> Office:
    """The people, what happened to them, and then the clock set back so that it did not all happen just now."""
    office = Office(playwright.request.new_context(base_url=console.address, user_agent="Firefox Linux"))
    office.set_up(console.link, "ada.okonkwo")
    office.do("/me", display_name="Ada Okonkwo", first_name="Ada", last_name="Okonkwo", email="ada.okonkwo@example.com")
    numbers = {"ada.okonkwo": 1}
    for username, display, *_ in PEOPLE[1:]:
        email = "" if username in ("backup-nightly", *DELETED) else f"{username.replace('-', '.')}@example.com"
        numbers[username] = office.make(username, display_name=display, email=email, role="2" if username in ADMINISTRATORS else "1",
                                        must_change="y" if username == "zeynep.arslan" else "")
    _live(office, numbers["rosa.schreiber"])
    _sign_in(console, playwright, "rosa.schreiber")
    for username in DISABLED:
        office.do(f"/users/{numbers[username]}/disable")
    for username, reason in DELETED.items():
        office.do(f"/users/{numbers[username]}/delete", reason=reason)
    _set_clock_back(console, numbers)
    return office


def _live(office: Office, rosa: int) -> None:
    """A history worth looking at."""
    usual = {"username": "rosa.schreiber", "email": "rosa.schreiber@example.com", "role": "1", "first_name": "Rosa",
             "last_name": "Schreiber"}
    office.do(f"/users/{rosa}/edit", **usual, display_name="Rosa Lindner", version="1")
    office.do(f"/users/{rosa}/edit", **{**usual, "email": "rosa@example.com"}, display_name="Rosa Schreiber", version="2",
              reason="Married in June, kept her name after all")
    office.do(f"/users/{rosa}/disable")
    office.do(f"/users/{rosa}/enable")


def _sign_in(console: Console, playwright: Playwright, username: str) -> None:
    for device in ("Mozilla/5.0 (Windows NT 10.0) Firefox/144.0", "Mozilla/5.0 (iPhone) Safari/604.1"):
        Office(playwright.request.new_context(base_url=console.address, user_agent=device)).sign_in(username, PASSWORD)


def _set_clock_back(console: Console, numbers: dict[str, int]) -> None:
    """Straight in the store: no door takes a time. The log's seals no longer fit; nobody verifies this one."""
    now = int(time.time() * 1000)
    store = sqlite3.connect(console.database, timeout=5)
    with store:
        for username, _, made, seen in PEOPLE:
            events = store.execute("SELECT id, kind_group FROM change WHERE account_id = ? ORDER BY id", (numbers[username],)).fetchall()
            for step, (event, group) in enumerate(events):
                days = made * 0.28 ** step if group == "change" else (seen or 0) + (len(events) - 1 - step) * 1.3
                source = "192.0.2.14" if group == "change" else f"203.0.113.{17 + 60 * (step % 2)}"
                store.execute("UPDATE change SET at = ?, source = ? WHERE id = ?", (now - int(days * DAY), source, event))
            store.execute("UPDATE account SET created_at = ?, last_signed_in_at = ?, updated_at = (SELECT MAX(at) FROM change "
                          "WHERE account_id = account.id AND kind_group = 'change') WHERE id = ?",
                          (now - int(made * DAY), 0 if seen is None else now - int(seen * DAY), numbers[username]))
        store.execute("UPDATE session SET source = '203.0.113.' || (17 + 60 * (id % 2)), seen_at = seen_at - 1500000 * (id % 2) "
                      "WHERE account_id = ?", (numbers["rosa.schreiber"],))
    store.close()


def _take(console: Console, office: Office, contexts: Contexts) -> None:
    signed_in = office.request.storage_state()
    for name, path, width, height, scheme, state in (
            ("users-light", "/users", 1440, 900, "light", signed_in), ("user-dark", "/users?q=rosa", 1440, 900, "dark", signed_in),
            ("users-narrow", "/users", 360, 720, "light", signed_in), ("sign-in-light", "/login", 1440, 900, "light", None)):
        person = Person(contexts, console.address, viewport={"width": width, "height": height}, color_scheme=scheme, storage_state=state)
        person.open(path)
        if name == "user-dark":
            person.press("Rosa Schreiber")
        person.page.wait_for_load_state("networkidle")
        person.page.screenshot(path=FOLDER / f"{name}.png")
        person.close()


if __name__ == "__main__":
    main()
