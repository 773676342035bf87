"""Every setting: its environment variable, default, unit, and what is refused.

Three sources, the later wins: the default here, `instance/config.py` (same upper-case names), the environment. The policies, which an
administrator may change while it runs, are given in the same places and stand in accounts/policies.py.
"""
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlsplit

VERSION = "1.0.0"
ROOT = Path(__file__).resolve().parent.parent
LOWEST_COST, USUAL_COST, HIGHEST_COST = 4, 12, 14


class SettingError(Exception):
    """A setting that cannot be used; its text is one sentence for the person who starts the server."""


def whole(lowest: int, highest: int):
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(text)
    return read


def _port(text: str) -> int:
    if text == "0":
        raise ValueError("must name a port from 1 to 65535; 0 would be a different address at every start")
    return whole(1, 65535)(text)


def switch(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "open": True,
             "0": False, "false": False, "no": False, "off": False, "closed": False, "": False}
    if text.lower() not in words:
        raise ValueError("must be yes or no")
    return words[text.lower()]


def _address(text: str) -> str:
    parts = urlsplit(text)
    host = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:@]+)(:[0-9]{1,5})?", parts.netloc)
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/") or parts.query:
        raise ValueError("must be an address such as https://accounts.example.com, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def database(text: str) -> str:
    """The address of a store. Raises ValueError with the rest of a sentence."""
    parts = urlsplit(text)
    if parts.scheme not in ("sqlite", "postgresql", "postgres", "mysql", "mariadb"):
        raise ValueError("must start with sqlite:///, postgresql:// or mariadb://")
    if len(parts.path) < 2 or parts.scheme == "sqlite" and parts.netloc:
        raise ValueError("must name a database, such as sqlite:////folder/file.db or postgresql://user@host/name")
    if parts.query and not parts.scheme.startswith("postgres"):
        raise ValueError("may have words after a ? for PostgreSQL only, such as ?sslmode=require")
    if parts.query and dict(parse_qsl(parts.query)).get("pool_mode", "session") not in ("session", "transaction"):
        raise ValueError("may say pool_mode=transaction or pool_mode=session")
    if len(database_servers(text)) > 1 and not parts.scheme.startswith("postgres"):
        raise ValueError("may name several servers for PostgreSQL only")
    return text


def database_servers(url: str) -> list[tuple[str, str]]:
    """Host and port, empty where none is given, of each server that the URL names. Raises ValueError with the rest of a sentence."""
    found = [re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:]*))(?::([0-9]*))?", server)
             for server in urlsplit(url).netloc.rpartition("@")[2].split(",")]
    servers = [(unquote(each[1] or each[2] or ""), each[3] or "") for each in found if each]
    if len(servers) < len(found) or not all(port == "" or len(port) < 6 and 0 < int(port) < 65536 for _, port in servers):
        raise ValueError("must have a port from 1 to 65535, or none; in user and password write @ : / # % as %40 %3A %2F %23 %25")
    return servers


def without_secrets(url: str) -> str:
    """A database's URL as it may be shown: without user, password and the words after the ?."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _token(text: str) -> str:
    if not re.fullmatch(r"[!-~]{20,200}", text):
        raise ValueError("must have 20 to 200 letters, digits and signs")
    return text


def one_of(*words: str):
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text
    return read


def _folder(text: str) -> Path:
    return (ROOT / Path(text).expanduser()).resolve()


def _setting(variable: str, read: Any, default: Any = None) -> Any:
    """A field that is read from `variable` by `read`, which raises ValueError with the rest of a sentence."""
    return field(default=default, metadata={"variable": variable, "read": read})


class Given(NamedTuple):
    """What file or environment say about a variable, and which of them."""

    text: str
    source: str


@dataclass(frozen=True)
class Settings:
    host: str = _setting("WEBADMIN_HOST", str, "127.0.0.1")
    port: int = _setting("WEBADMIN_PORT", _port, 5000)
    data: Path = _setting("WEBADMIN_DATA", _folder, ROOT / "instance")
    keys: Path = _setting("WEBADMIN_KEYS", _folder)                      # <data>/keys
    database_url: str = _setting("WEBADMIN_DATABASE_URL", database)     # sqlite:///<data>/webadmin.db
    url: str = _setting("WEBADMIN_URL", _address, "")                    # the public address
    proxies: int = _setting("WEBADMIN_PROXIES", whole(0, 5), 0)          # trusted hops
    workers: int = _setting("WEBADMIN_WORKERS", whole(1, 64))            # processes; one a core
    threads: int = _setting("WEBADMIN_THREADS", whole(1, 128), 16)       # in each process
    admin_username: str = _setting("WEBADMIN_ADMIN_USERNAME", str, "")
    admin_password: str = _setting("WEBADMIN_ADMIN_PASSWORD", str, "")
    bcrypt_cost: int = _setting("WEBADMIN_BCRYPT_COST", whole(LOWEST_COST, HIGHEST_COST), USUAL_COST)
    testing: bool = _setting("WEBADMIN_TESTING", switch, False)
    metrics_token: str = _setting("WEBADMIN_METRICS_TOKEN", _token, "")          # opens /metrics; without one there is no such page
    given: Mapping[str, Given] = field(default_factory=dict)             # the other variables: for accounts/policies.py

    @property
    def secure(self) -> bool:
        """True where browsers reach the server by https: Secure cookies, `__Host-` names, HSTS."""
        return self.url.startswith("https:") or (self.proxies > 0 and not self.url)

    @property
    def backups(self) -> Path:
        """The folder of those that the program makes by itself."""
        return self.data / "backups"

    @property
    def in_the_clear(self) -> bool:
        """The network can read every password: another address than this machine's, without https and without a declared proxy."""
        local = self.host in ("localhost", "::1") or self.host.startswith("127.")
        return not (local or self.secure or self.proxies)

    @property
    def address(self) -> str:
        """Where links lead: the public address, else this machine; never the Host header of a request."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "localhost") else self.host
        return self.url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def load(environ: Mapping[str, str] = os.environ, config: Path = ROOT / "instance" / "config.py") -> Settings:
    """Read file and environment. Raises SettingError with a sentence that names the variable."""
    sources = ((str(config), _from_file(config)), ("the environment", environ))
    given = {name: Given(str(text), source) for source, found in sources for name, text in found.items()
             if name.startswith("WEBADMIN_")}
    given = {name: each for name, each in given.items() if each.text}
    values: dict[str, Any] = {}
    for each in fields(Settings):
        name = each.metadata.get("variable", "")
        if name in given:
            values[each.name] = read(name, given.pop(name).text, each.metadata["read"])
    return _complete({**values, "given": given})


def read(variable: str, text: str, reader: Any) -> Any:
    """The value that `reader` makes of the text. Raises SettingError."""
    try:
        return reader(text)
    except ValueError as wrong:
        raise SettingError(f"{variable} {wrong}.") from None


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    names: dict[str, Any] = {}
    try:
        exec(compile(path.read_text(), str(path), "exec"), names)      # the owner's own file
    except Exception as wrong:
        raise SettingError(f"{path} cannot be read: {wrong}.") from None
    return names


def _complete(values: dict[str, Any]) -> Settings:
    data = values.get("data", ROOT / "instance")
    values.setdefault("keys", data / "keys")
    values.setdefault("database_url", f"sqlite:///{quote(str(data / 'webadmin.db'))}")
    values.setdefault("workers", os.cpu_count() or 1)
    settings = Settings(**values)
    if settings.bcrypt_cost < USUAL_COST and not settings.testing:
        raise SettingError("WEBADMIN_BCRYPT_COST below 12 is for tests only: set WEBADMIN_TESTING=1 with it.")
    if bool(settings.admin_username) != bool(settings.admin_password):
        raise SettingError("WEBADMIN_ADMIN_USERNAME and WEBADMIN_ADMIN_PASSWORD go together: set both or neither.")
    return settings
