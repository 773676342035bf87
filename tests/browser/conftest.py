"""A real browser before a real server. Where either is missing the tests here are skipped, or fail if WEBADMIN_TEST_ALL is set."""
from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

    from tests.browser.console import Console, Office
    from tests.browser.person import Contexts, Person, Way

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking",
           "--renderer-process-limit=1", "--disable-site-isolation-trials"]      # a process for each page costs more than the page
_numbers = itertools.count(1)


def _missing() -> str:
    try:
        import axe_playwright_python  # noqa: F401
        import playwright  # noqa: F401
    except ImportError as missing:
        return f"{missing.name} is not installed: see requirements-dev.txt"
    return "" if CHROMIUM.exists() else f"there is no Chromium at {CHROMIUM}"


MISSING = _missing()


class _Skipped(pytest.Module):
    def collect(self) -> Any:
        pytest.skip(MISSING, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    """Test modules are not even read where what they import is missing."""
    if MISSING and not os.environ.get("WEBADMIN_TEST_ALL"):
        return _Skipped.from_parent(parent, path=module_path)
    return None


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Contexts:
    from tests.browser.person import Contexts

    return Contexts(browser)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Console]]:
    """Start one more console; all end with the session."""
    from tests.browser.console import Console

    with contextlib.ExitStack() as started:
        def one() -> Console:
            console = Console(tmp_path_factory.mktemp("console"))
            started.callback(console.end)
            return console
        yield one


@pytest.fixture(scope="session")
def offices(playwright: Playwright) -> Iterator[Callable[[Console], Office]]:
    """An office at a console; its requests come from no browser."""
    from tests.browser.console import Office

    with contextlib.ExitStack() as opened:
        def one(console: Console) -> Office:
            request = playwright.request.new_context(base_url=console.address)
            opened.callback(request.dispose)
            return Office(request)
        yield one


@pytest.fixture(scope="session")
def waiting(start: Callable[[], Console]) -> Console:
    """A console that nobody has set up. Leave it so."""
    return start()


@pytest.fixture(scope="session")
def empty(start: Callable[[], Console], offices: Callable[[Console], Office]) -> tuple[Console, Office]:
    """A console with one account, the administrator ada. Leave it so."""
    return _set_up(start(), offices)


@pytest.fixture(scope="session")
def lively(start: Callable[[], Console], offices: Callable[[Console], Office]) -> tuple[Console, Office]:
    """The console that the tests share: each brings its own people."""
    return _set_up(start(), offices)


def _set_up(console: Console, offices: Callable[[Console], Office]) -> tuple[Console, Office]:
    office = offices(console)
    office.set_up(console.link, "ada")
    return console, office


@pytest.fixture
def console(lively: tuple[Console, Office]) -> Console:
    return lively[0]


@pytest.fixture
def office(lively: tuple[Console, Office]) -> Office:
    """Ada, without a browser."""
    return lively[1]


@dataclass
class Newcomer:
    number: int
    username: str
    display_name: str
    email: str


@pytest.fixture
def newcomer(office: Office) -> Callable[..., Newcomer]:
    """Make an account whose names nobody else has: `Bob 7`, bob7, bob7@example.com."""
    def one(first_name: str = "Bob", **fields: str) -> Newcomer:
        number = next(_numbers)
        username, display = f"{first_name.lower()}{number}", f"{first_name} {number}"
        email = f"{username}@example.com"
        return Newcomer(office.make(username, display_name=display, email=email, **fields), username, display, email)
    return one


@pytest.fixture
def elsewhere(offices: Callable[[Console], Office], console: Console) -> Callable[[Newcomer], Office]:
    """Somebody signs in without a browser: a session for tests that are about something else than signing in."""
    def one(who: Newcomer) -> Office:
        office = offices(console)
        office.sign_in(who.username)
        return office
    return one


@pytest.fixture(scope="session")
def crowd(lively: tuple[Console, Office]) -> None:
    """Sixty accounts, so that there are pages."""
    for number in range(60):
        lively[1].make(f"crowd{number}")


@pytest.fixture(params=["mouse", "keys", "no script"])
def way(request: pytest.FixtureRequest) -> Way:
    """Every test that asks for it is run three times."""
    from tests.browser.person import Way

    return Way(request.param)


@pytest.fixture
def arrive(contexts: Contexts, console: Console) -> Iterator[Callable[..., Person]]:
    """A person sits down at a browser of their own. When they leave, its console must be silent and no other site asked."""
    from tests.browser.person import Person

    with contextlib.ExitStack() as present:
        def one(*, at: Console | None = None, by_name: bool = False, **options: Any) -> Person:
            address = (at or console).address
            person = Person(contexts, address.replace("127.0.0.1", "localhost") if by_name else address, **options)
            present.callback(person.close)
            return person
        yield one


@pytest.fixture
def ada(arrive: Callable[..., Person], office: Office, way: Way) -> Person:
    """The administrator, signed in, three ways."""
    return arrive(way=way, storage_state=office.request.storage_state())
