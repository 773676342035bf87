"""What guards every door: the Host, where a request was sent from, response headers, cookie flags."""
from __future__ import annotations

import re
from collections.abc import Callable, Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, Response, abort, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from webadmin import caller

LONGEST_URL, LONGEST_BODY = 8 * 1024, 256 * 1024      # bytes
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?")
ORIGIN = re.compile(r"^https?://", re.IGNORECASE)
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
          "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'")
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
HSTS = "max-age=63072000; includeSubDomains"
VARY = ("Sec-Fetch-Site", "Origin", "Cookie")
USUAL = [(name.lower(), (name, value)) for name, value in (*HEADERS.items(), ("Cache-Control", "no-store"), ("Vary", ", ".join(VARY)))]
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def init(app: Flask) -> None:
    settings = app.config["SETTINGS"]
    app.config.update(
        DEBUG=False, MAX_CONTENT_LENGTH=LONGEST_BODY, MAX_FORM_MEMORY_SIZE=LONGEST_BODY,
        SESSION_COOKIE_NAME=cookie_name("webadmin_form", settings.secure), SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_PATH="/")
    app.before_request(_refuse_strange_host)
    app.before_request(_refuse_plain_http)
    app.before_request(_refuse_cross_site)
    app.after_request(_add_headers)


def scripts_come_to(app: Flask, owns: Callable[[str], bool]) -> None:
    """The paths that `owns` names are scripts': by plain http they are refused, where a page is sent to https."""
    app.extensions.setdefault("script_paths", []).append(owns)


def watchers_come_to(app: Flask, paths: Collection[str]) -> None:
    """A proxy and a monitor ask for these by the machine's own address and plain http, whatever the public address is."""
    app.extensions.setdefault("watched_paths", set()).update(paths)


def cookie_name(name: str, secure: bool) -> str:
    """With `__Host-` on https: no other host, path or plain page can then set it."""
    return f"__Host-{name}" if secure else name


def set_cookie(response: AnyResponse, name: str, value: str, *, seconds: int | None) -> None:
    """A cookie that scripts cannot read; `seconds` None ends it with the browser."""
    secure = current_app.config["SETTINGS"].secure
    response.set_cookie(cookie_name(name, secure), value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="Lax")


def delete_cookie(response: AnyResponse, name: str) -> None:
    secure = current_app.config["SETTINGS"].secure
    response.delete_cookie(cookie_name(name, secure), path="/", secure=secure, httponly=True, samesite="Lax")


def cookie(name: str) -> str:
    return request.cookies.get(cookie_name(name, current_app.config["SETTINGS"].secure), "")


def _refuse_strange_host() -> None:
    """One well-formed Host; with a public address only that one and this machine's own names (docs/security.md, IN17)."""
    environ = request.environ
    if len(environ.get("REQUEST_URI") or request.full_path) > LONGEST_URL:
        abort(414)
    found = HOST.fullmatch(environ.get("HTTP_HOST", ""))
    if found is None:
        abort(400, "The request does not say which host it is for.")
    public = current_app.config["SETTINGS"].url
    host = found[1].lower().strip("[]")
    if public and host != urlsplit(public).hostname and not _is_loopback(host) and not _is_watched():
        abort(400, "The request is for another host.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_watched() -> bool:
    return request.path in current_app.extensions.get("watched_paths", ())


def _refuse_plain_http() -> AnyResponse | None:
    """Behind a declared proxy on https a page by plain http is sent there; a script is refused, its password is out already."""
    settings = current_app.config["SETTINGS"]
    if not (settings.proxies and settings.url.startswith("https:")) or request.is_secure or _is_watched():
        return None
    if any(owns(request.path) for owns in current_app.extensions["script_paths"]):
        abort(403, "This address is served by https only.")
    return redirect(settings.url + request.full_path.rstrip("?"), 308)


def _refuse_cross_site() -> None:
    """On every door: what another site makes a browser send is refused (OWASP CSRF cheat sheet, Fetch Metadata)."""
    if request.method not in SAFE_METHODS and is_cross_site():
        abort(403, "This was sent from another site.")


def is_cross_site() -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site.strip().lower() not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    if origin is None:
        return False
    public = current_app.config["SETTINGS"].url
    return ORIGIN.sub("", origin).lower() not in {request.host.lower(), urlsplit(public).netloc} - {""}


def _add_headers(response: Response) -> Response:
    """Those that are missing at once: each look at Werkzeug's headers goes through all of them."""
    headers = response.headers
    given = {name.lower() for name, _ in headers}
    if "vary" in given and request.endpoint != "static":
        response.vary.update(VARY)
    headers.extend([pair for name, pair in USUAL if name not in given])
    if current_app.config["SETTINGS"].secure:
        headers["Strict-Transport-Security"] = HSTS
    headers.add("X-Request-Id", caller.request_id())
    return response
