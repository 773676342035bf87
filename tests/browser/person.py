"""Somebody at a browser: with mouse and scripts, by the keyboard alone, or with scripts switched off."""
from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

VIOLATIONS = """addEventListener("securitypolicyviolation", event =>
  console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI}`))"""
FOCUS = """wanted => {
  const here = document.activeElement;
  if (!here || here === document.body) return { there: false, marked: true, bare: true, what: "nowhere" };
  const outlined = element => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  };
  const box = [...here.getClientRects()].find(each => each.width && each.height) ?? here.getBoundingClientRect();
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const top = document.elementFromPoint(middle.x, middle.y);
  return {
    there: here === wanted,
    marked: outlined(here) || Boolean(here.closest("label") && outlined(here.closest("label")))
      || here.matches("main, dialog, input[type=date]"),      // the picker inside a date has a ring of its own
    bare: here.matches("main") || Boolean(top && (here.contains(top) || top.contains(here))),
    what: here.outerHTML.slice(0, 160),
  };
}"""
MOST_TABS = 150


class Way(Enum):
    MOUSE = "mouse"
    KEYS = "keys"
    NO_SCRIPT = "no script"


class Contexts:
    """Browser contexts, used by one person after another: what one leaves behind is cleared, what is merely warm stays."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.idle: list[tuple[dict[str, Any], BrowserContext]] = []

    def take(self, storage_state: Any = None, **options: Any) -> BrowserContext:
        """One with these options that nobody uses, with the cookies of `storage_state` and no others."""
        context = next((each for given, each in self.idle if given == options), None)
        if context is None:
            context = self.browser.new_context(**options)
            context.set_default_timeout(5000)
            context.add_init_script(VIOLATIONS)
            context.new_page()      # stays: with its last page a window would close, and opening one costs as much as a page
        self.idle = [(given, each) for given, each in self.idle if each is not context]
        if storage_state:
            context.add_cookies(storage_state["cookies"])
        return context

    def give_back(self, context: BrowserContext, page: Page, address: str, **options: Any) -> None:
        context.new_cdp_session(page).send("Storage.clearDataForOrigin", {"origin": address, "storageTypes": "all"})
        for each in context.pages[1:]:
            each.close()
        context.clear_cookies()
        context.clear_permissions()
        self.idle.append((options, context))


class Person:
    """Acts by visible words only. Notes in `trouble` what a browser's console, or a request elsewhere, would give away."""

    def __init__(self, contexts: Contexts, address: str, way: Way = Way.MOUSE, storage_state: Any = None, **options: Any) -> None:
        self.contexts, self.address, self.way = contexts, address, way
        self.steps = 0
        self.trouble: list[str] = []
        self.options = {"base_url": address, "java_script_enabled": way is not Way.NO_SCRIPT, "reduced_motion": "reduce",
                        "viewport": {"width": 1280, "height": 800}, **options}
        self.context = contexts.take(storage_state, **self.options)
        self.watched = _watch(self.context, address, self.trouble)
        self.page: Page = self.context.new_page()

    @property
    def scripts(self) -> bool:
        return self.way is not Way.NO_SCRIPT

    def open(self, path: str) -> None:
        self.steps += 1
        self.page.goto(path)

    def press(self, name: str, inside: Locator | None = None) -> None:
        """Follow the link or press the button of this name."""
        self.steps += 1
        self.follow(self.named(name, inside))

    def named(self, name: str, inside: Locator | None = None) -> Locator:
        scope = inside or self.page
        return scope.get_by_role("button", name=name, exact=True).or_(scope.get_by_role("link", name=name, exact=True))

    def write(self, label: str, text: str, inside: Locator | None = None) -> None:
        box = (inside or self.page).get_by_label(re.compile(rf"^{re.escape(label)}( \(.+\))?$"))      # "(optional)"
        if self.way is Way.KEYS:
            self.reach(box)
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(text) if text else self.page.keyboard.press("Delete")
        else:
            box.fill(text)

    def tick(self, label: str) -> None:
        box = self.page.get_by_label(label)
        if self.way is Way.KEYS:
            self.reach(box)
            self.page.keyboard.press("Space")
        else:
            box.click()

    def choose(self, label: str) -> None:
        """One of a few choices; with the keyboard by the arrows."""
        choice = self.page.get_by_role("radio", name=label)
        if self.way is Way.KEYS:
            chosen = self.page.locator("input[type=radio]:checked")
            self.reach(chosen)
            while not choice.is_checked():
                self.page.keyboard.press("ArrowDown")
        else:
            choice.check()

    def choose_in_menu(self, menu: str, word: str) -> None:
        """Open the menu of this button and follow the word in it. Popovers need no script."""
        self.follow(self.page.get_by_role("button", name=re.compile(f"^{re.escape(menu)}")))
        self.follow(self.page.locator(":popover-open").get_by_role("link", name=word, exact=True)
                 .or_(self.page.locator(":popover-open").get_by_role("button", name=word, exact=True)))

    def reach(self, wanted: Locator) -> None:
        """Tab until it has the focus. On the way the focus must always be marked, and never hidden below something else."""
        wanted.wait_for()
        element = wanted.element_handle()
        here = self.page.evaluate(FOCUS, element)
        for _ in range(MOST_TABS):
            if here["there"]:
                return
            self.page.keyboard.press("Tab")
            here = self.page.evaluate(FOCUS, element)
            assert here["marked"], f"the focus cannot be seen on {here['what']}"
            assert here["bare"], f"the focus is covered on {here['what']}"
        raise AssertionError(f"the keyboard never reaches {wanted}")

    def told(self, sentence: str) -> None:
        """The page says so on top."""
        expect(self.page.locator("main").get_by_role("status").or_(self.page.locator("main").get_by_role("alert"))
               .filter(has_text=sentence)).to_be_visible()

    def sign_in(self, name: str, password: str) -> None:
        self.open("/login")
        self.write("Username or e-mail", name)
        self.write("Password", password)
        self.press("Sign in")

    def close(self) -> None:
        self.contexts.give_back(self.context, self.page, self.address, **self.options)
        for event, heard in self.watched.items():
            self.context.remove_listener(event, heard)
        assert not self.trouble, self.trouble

    def follow(self, target: Locator) -> None:
        """Click it; or go there with the keyboard and press what its kind is pressed with."""
        if self.way is Way.KEYS:
            self.reach(target)
            self.page.keyboard.press("Enter" if target.evaluate("each => each.matches('a')") else "Space")
            self.page.wait_for_load_state()
        else:
            target.click()


def _watch(context: BrowserContext, address: str, trouble: list[str]) -> dict[Any, Callable[[Any], None]]:
    def said(message: ConsoleMessage) -> None:
        expected = message.text.startswith("Failed to load resource") and "/static/" not in str(message.location.get("url"))
        if message.type in ("error", "warning") and not expected:
            trouble.append(f"console: {message.text}")

    def sent(request: Request) -> None:
        if not request.url.startswith((address, "data:")):
            trouble.append(f"request elsewhere: {request.url}")

    def answered(response: Response) -> None:
        if response.status >= 500 and response.status != 503 or response.status >= 400 and "/static/" in response.url:
            trouble.append(f"answer {response.status}: {response.url}")

    heard: dict[Any, Callable[[Any], None]] = {
        "console": said, "weberror": lambda error: trouble.append(f"script: {error.error}"), "request": sent, "response": answered}
    for event, note in heard.items():
        context.on(event, note)
    return heard
