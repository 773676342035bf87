"""Every page, in both colour schemes: axe finds nothing, nothing is cut off from 320 px on, at 200 % zoom neither."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

from tests.browser.conftest import Newcomer
from tests.browser.person import Person
from tests.browser.visits import PAGES, Visits

WIDTHS = (1440, 360, 320)
ZOOMED: ViewportSize = {"width": 720, "height": 450}      # 1440 by 900 at 200 %
AXE: dict[str, Any] = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}      # all rules
AXE_AGAIN = {**AXE, "preload": False}      # no style is read anew: the one rule that reads them has had its turn
AXE_ON_COLOURS: dict[str, Any] = {      # no other rule reads a colour
    "resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
AXE_AT: dict[int, dict[Any, dict[str, Any]]] = {1440: {"dark": AXE_ON_COLOURS, "light": AXE}, 360: {"light": AXE_AGAIN, "dark": AXE_ON_COLOURS}}
CUT_OFF = """() => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const cut = [...document.querySelectorAll("a, button, input, select, textarea, h1, h2")].filter(element => {
    if (!element.checkVisibility({ visibilityProperty: true })) return false;
    if (element.closest(".unseen, .skip, [popover]:not(:popover-open)")) return false;
    const { left, right } = element.getBoundingClientRect();
    return left < 0 || right > document.documentElement.clientWidth + 0.5;
  });
  return [...(wide > 0 ? [`scrolls sideways by ${wide}`] : []), ...cut.map(element => element.outerHTML.slice(0, 120))];
}"""


@pytest.fixture
def visits(request: pytest.FixtureRequest, arrive: Callable[..., Person], newcomer: Callable[..., Newcomer]) -> Visits:
    return Visits(arrive, newcomer, request)


@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_and_fits_every_width(visits: Visits, name: str) -> None:
    page = getattr(visits, name)().page
    page.wait_for_load_state()
    found = {}
    page.evaluate(Axe().axe_script)      # once: it stays while the page does
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found[f"at {width} px"] = page.evaluate(CUT_OFF)
        for scheme, rules in AXE_AT.get(width, {}).items():
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found[f"axe, {scheme}, at {width} px"] = _findings(page, rules)
    page.set_viewport_size(ZOOMED)
    found["at 200 %"] = page.evaluate(CUT_OFF)
    assert page.locator("main").count() == page.locator("h1").count() == 1
    assert not (told := {where: what for where, what in found.items() if what}), told


def _findings(page: Page, options: dict[str, Any]) -> list[str]:
    results = page.evaluate("options => axe.run(options)", options)["violations"]
    return [f"{rule['id']}: {node['html'][:160]}" for rule in results for node in rule["nodes"]]
