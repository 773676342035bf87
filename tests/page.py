"""An HTML page as tests see it: elements, words, links, forms; and what must hold of every page."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr", "path", "circle", "rect"}
TYPED = {"input", "select", "textarea"}


@dataclass
class Element:
    tag: str
    attrs: dict[str, str]
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)
    pieces: list[str | Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        said = "".join(piece if isinstance(piece, str) else piece.text for piece in self.pieces)
        return re.sub(r"\s+", " ", said).strip()

    def all(self, tag: str = "", **attrs: str) -> list[Element]:
        """Every element below this one with that tag and those attributes."""
        found = []
        for child in self.children:
            if (not tag or child.tag == tag) and all(child.attrs.get(name.strip("_")) == value for name, value in attrs.items()):
                found.append(child)
            found += child.all(tag, **attrs)
        return found

    def inside(self, tag: str) -> bool:
        return self.parent is not None and (self.parent.tag == tag or self.parent.inside(tag))


class Page(HTMLParser):
    """A parsed page. Raises AssertionError where its tags are not closed in order."""

    def __init__(self, markup: str):
        super().__init__(convert_charrefs=True)
        self.markup = markup
        self.root = self.open = Element("", {})
        self.feed(markup)
        self.close()
        assert self.open is self.root, f"<{self.open.tag}> is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute of <{tag}> stands there twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs}, self.open)
        self.open.children.append(element)
        self.open.pieces.append(element)
        if tag not in VOID:
            self.open = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open.tag == tag and self.open.parent is not None, f"</{tag}> closes <{self.open.tag}>"
        self.open = self.open.parent

    def handle_data(self, data: str) -> None:
        self.open.pieces.append(data)

    def all(self, tag: str = "", **attrs: str) -> list[Element]:
        return self.root.all(tag, **attrs)

    @property
    def text(self) -> str:
        """What stands in <main>."""
        return " ".join(each.text for each in self.all("main"))

    @property
    def h1(self) -> str:
        return self.all("h1")[0].text

    def href(self, words: str) -> str:
        """The address of the first link that says exactly `words`."""
        found = [each.attrs["href"] for each in self.all("a") if each.text == words]
        assert found, f"no link says “{words}”: {[each.text for each in self.all('a')]}"
        return found[0]

    def says(self, tag: str, words: str) -> bool:
        return any(each.text == words for each in self.all(tag))

    def form(self, action: str) -> dict[str, str]:
        """Name and value of each field that a browser would send with the form of this action."""
        forms = [each for each in self.all("form") if each.attrs.get("action", action) == action and each.attrs.get("method") == "post"]
        assert forms, f"no form posts to {action}: {[each.attrs.get('action') for each in self.all('form')]}"
        sent = {}
        for box in forms[0].all("input"):
            kind = box.attrs.get("type", "text")
            if "name" in box.attrs and (kind not in ("checkbox", "radio") or "checked" in box.attrs):
                sent[box.attrs["name"]] = box.attrs.get("value", "on" if kind == "checkbox" else "")
        for box in forms[0].all("select"):
            chosen = [each.attrs["value"] for each in box.all("option") if "selected" in each.attrs]
            sent[box.attrs["name"]] = chosen[0] if chosen else ""
        return sent

    def value(self, name: str) -> str:
        found = [each for each in self.all("input", name=name) if each.attrs.get("type") != "radio" or "checked" in each.attrs]
        assert found, f"no field is called {name}"
        return found[0].attrs.get("value", "")


def check(page: Page) -> None:
    """One heading, one main part, a title, a language; every field named; nothing inline; every id once and every reference kept."""
    assert page.markup.startswith("<!doctype html>")
    assert [each.attrs.get("lang") for each in page.all("html")] == ["en"]
    assert len(page.all("h1")) == 1 and page.h1, "a page has one heading"
    assert len(page.all("main")) == 1, "a page has one main part"
    titles = [each for each in page.all("title") if each.parent and each.parent.tag == "head"]
    assert len(titles) == 1 and titles[0].text.removesuffix("· webadmin").strip(), "a page has a title"
    ids = [each.attrs["id"] for each in page.all() if "id" in each.attrs]
    assert len(ids) == len(set(ids)), f"ids stand twice: {sorted(each for each in ids if ids.count(each) > 1)}"
    for element in page.all():
        _check_element(page, element, set(ids))


def _check_element(page: Page, element: Element, ids: set[str]) -> None:
    attrs, tag = element.attrs, element.tag
    shown = f"<{tag} {attrs}>"
    assert "style" not in attrs and tag != "style" and not any(name.startswith("on") for name in attrs), f"inline: {shown}"
    assert tag != "script" or (attrs.get("src") and not element.text), f"inline: {shown}"
    for name in ("href", "src", "action"):
        assert name not in attrs or re.match(r"/(?!/)|#|\?|$", attrs[name]), f"leads elsewhere: {shown}"
    for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls", "popovertarget", "data-dialog"):
        missing = set(attrs.get(name, "").split()) - ids
        assert not missing, f"{shown} speaks of {missing}, which is not there"
    if tag in TYPED and attrs.get("type") not in ("hidden", "submit") and "hidden" not in attrs:
        labels = [each for each in page.all("label", for_=attrs.get("id", "-")) if each.text]
        assert labels or element.inside("label") or attrs.get("aria-label"), f"has no label: {shown}"
    if tag in ("a", "button"):
        assert element.text or attrs.get("aria-label"), f"says nothing: {shown}"
    if tag == "form" and attrs.get("method") == "post":
        assert element.all("input", name="csrf_token"), f"posts without a token: {shown}"
    assert tag != "img" or "alt" in attrs, f"has no alt: {shown}"
    assert "autofocus" not in attrs or element.inside("dialog") or [
        each for each in page.all() if "autofocus" in each.attrs and not each.inside("dialog")] == [element], "two fields want the focus"
