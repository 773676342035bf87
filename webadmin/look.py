"""What the templates need from Python: static files, icons, times, initials and numbers.

Static files are read, joined into one stylesheet and one script, named after their content and compressed once, when the server
starts: a page waits for two files, and an address never changes its content, so browsers may keep it for good.
"""
from __future__ import annotations

import gzip
import hashlib
import sys
import time
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from flask import Flask, Response, abort, request
from heroicons.jinja import heroicon_outline
from jinja2.bccache import Bucket, FileSystemBytecodeCache
from jinja2.environment import Template, TemplateModule
from jinja2.runtime import Context
from markupsafe import Markup

from webadmin import settings

STATIC, TEMPLATES = settings.ROOT / "static", settings.ROOT / "templates"
STYLESHEETS = (
    "tokens", "reset", "base", "layout", "button", "field", "form", "search", "chips", "state", "menu", "table", "pager",
    "flash", "dialog", "section", "history", "empty", "gate", "code", "contract", "factors", "settings",
)
SCRIPTS = ("times", "keys", "dialogs", "search", "columns", "show-password", "copy", "passkeys")
FOREVER = "public, max-age=31536000, immutable"
SMALLEST_COMPRESSED_BYTES = 512
MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

# unit, its seconds, and from how many of them on it is used; times.js counts the same way
UNITS = (("year", 31_557_600, 2), ("month", 2_629_800, 2), ("week", 604_800, 2), ("day", 86_400, 1), ("hour", 3_600, 1),
         ("minute", 60, 1))


@dataclass(frozen=True)
class StaticFile:
    address: str
    media_type: str
    content: bytes
    compressed: bytes


def init(app: Flask) -> None:
    """Register the static addresses, globals and filters. The app is made with `static_folder=None`."""
    contents = {"webadmin.css": "".join(_text(f"css/{name}.css") for name in STYLESHEETS), "mark.svg": _text("mark.svg"),
                # a block of its own for each, so that no name meets another's
                "webadmin.js": "".join(f"{{\n{_text(f'js/{name}.js')}}}\n" for name in SCRIPTS)}
    files = {name: _file(name, content.encode()) for name, content in contents.items()}
    _serve(app, {file.address: file for file in files.values()})

    def asset(name: str) -> str:
        return files[name].address

    app.jinja_env.template_class = _Template
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.bytecode_cache = _Compiled()
    app.jinja_env.globals.update(asset=asset, icon=icon, kept=kept, kept_each=kept_each)
    app.jinja_env.filters.update(when=when, day=day, initials=initials, number=number)


@lru_cache(maxsize=128)
def icon(name: str) -> Markup:
    """The heroicon `name` as inline SVG. It says nothing by itself: a word stands beside it, or a label on its button."""
    return Markup(heroicon_outline(name, size=16, **{"class": "icon", "aria-hidden": "true"}))


def kept(macro: Callable[..., Markup], *given: Hashable) -> Markup:
    """What the macro makes of these words. It sees nothing else, so what it made of the same ones a moment ago is still true."""
    return _kept(macro, given, int(time.time()) // 30)


def kept_each(macro: Callable[..., Markup], many: Iterable[tuple[Hashable, ...]]) -> Markup:
    """One after another: the rows of a list."""
    half_minute = int(time.time()) // 30
    return Markup("".join([_kept(macro, given, half_minute) for given in many]))


def when(ms: int) -> Markup:
    """`<time>` that reads "3 days ago", the full time in its title; times.js goes on counting, in the browser's zone."""
    return _when(ms // 1000, int(time.time()) // 30)


def day(ms: int) -> Markup:
    """`<time>` that reads 2026-11-18, in UTC."""
    return _day(ms // 1000)


@lru_cache(maxsize=4096)
def initials(name: str) -> str:
    """The first letters of the first and the last word: "Ada Okonkwo" is AO, "ada" is A."""
    words = name.split()
    return "".join(word[0] for word in words[:1] + words[1:][-1:]).upper()


def number(count: int) -> str:
    """1284 as 1,284."""
    return f"{count:,}"


# a minute's requests show much the same rows and menus; times that read "3 days ago" are written anew each half minute
@lru_cache(maxsize=2048)
def _kept(macro: Callable[..., Markup], given: tuple[Hashable, ...], _half_minute: int) -> Markup:
    return macro(*given)


# a list shows the same hundred times again and again, so each is written once in half a minute
@lru_cache(maxsize=8192)
def _when(second: int, half_minute: int) -> Markup:
    return Markup('<time datetime="%s" title="%s" data-when>%s</time>') % (
        _stamp(second, "%Y-%m-%dT%H:%M:%SZ"), _stamp(second, "%Y-%m-%d %H:%M:%S UTC"), _distance(second - half_minute * 30))


@lru_cache(maxsize=8192)
def _day(second: int) -> Markup:
    return Markup('<time datetime="%s" title="%s">%s</time>') % (
        _stamp(second, "%Y-%m-%dT%H:%M:%SZ"), _stamp(second, "%Y-%m-%d %H:%M:%S UTC"), _stamp(second, "%Y-%m-%d"))


def _stamp(second: int, form: str) -> str:
    return time.strftime(form, time.gmtime(second))


def _distance(seconds: int) -> str:
    counts = ((abs(seconds) // length, unit, least) for unit, length, least in UNITS)
    count, unit = next(((count, unit) for count, unit, least in counts if count >= least), (0, ""))
    if not unit:
        return "just now"
    if unit == "day" and count == 1:
        return "yesterday" if seconds < 0 else "tomorrow"
    words = f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{words} ago" if seconds < 0 else f"in {words}"


class _Compiled(FileSystemBytecodeCache):
    """Templates as they were compiled, kept beside them as Python keeps its modules. Where nothing may be written, each start compiles."""

    def __init__(self) -> None:
        super().__init__(str(TEMPLATES / "__pycache__"), f"%s.jinja-{version('jinja2')}.cache")

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except Exception:      # whatever half a file may say
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            if not sys.dont_write_bytecode:
                Path(self.directory).mkdir(exist_ok=True)
                super().dump_bytecode(bucket)


class _Template(Template):
    """What a template imports sees nothing of the one that imports it, so it is not asked each time whether it might."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


def _text(name: str) -> str:
    return (STATIC / name).read_text("utf-8")


def _file(name: str, content: bytes) -> StaticFile:
    stem, _, kind = name.rpartition(".")
    address = f"/static/{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
    return StaticFile(address, MEDIA_TYPES[kind], content, gzip.compress(content, 9, mtime=0))


def _serve(app: Flask, files: dict[str, StaticFile]) -> None:
    @app.get("/static/<path:name>", endpoint="static")
    def static(name: str) -> Response:
        file = files.get(f"/static/{name}") or abort(404)
        response = Response(file.content, mimetype=file.media_type)
        if len(file.content) >= SMALLEST_COMPRESSED_BYTES:
            response.vary.add("Accept-Encoding")
            if request.accept_encodings["gzip"]:
                response.set_data(file.compressed)
                response.content_encoding = "gzip"
        response.headers["Cache-Control"] = FOREVER
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
