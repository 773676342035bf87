"""The secret keys: files of 64 random bytes, made once, kept apart from the database."""
from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

BYTES = 64
# signs forms; digests of tokens and names; seals of the change log; signs JWTs; secrets of authenticator apps
NAMES = ("cookies", "tokens", "log", "jwt", "factors")

_keys: dict[str, bytes] = {}
_jwt: dict[str, bytes] = {}
_from = Path()


class KeyRefused(Exception):
    """A key file that must not be used; its text is one sentence."""


def load(folder: Path) -> None:
    """Read every key, making those that are missing. Raises KeyRefused for a short, open or trivial one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    read(folder)
    for name in NAMES:
        _make(folder / name)
    read(folder)


def read(folder: Path) -> None:
    """Read every key that is there. Raises KeyRefused."""
    global _from
    if folder.exists() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        raise KeyRefused(f"Others can open the folder {folder}: chmod 700 it.")
    _from = folder
    _keys.clear()
    _keys.update({name: _read(folder / name) for name in NAMES if (folder / name).exists()})
    _jwt.clear()
    for path in (folder / "jwt", *sorted(folder.glob("jwt.*"))):
        if path.exists():
            _jwt[_kid(_read(path))] = _read(path)


def folder() -> Path:
    """Where those that were read last stand."""
    return _from


def of(name: str) -> bytes:
    return _keys[name]


def find(name: str) -> bytes | None:
    """None where it is not there."""
    return _keys.get(name)


def mark(name: str) -> str:
    """A digest by which the key is known again and from which nothing can be made."""
    return _mark(_keys[name])


def marks(name: str) -> list[str]:
    """That of the key, and for JWTs those of the retired ones; none where it is not there."""
    found = _jwt.values() if name == "jwt" else [_keys[name]] if name in _keys else []
    return [_mark(key) for key in found]


def _mark(key: bytes) -> str:
    return hmac.new(key, b"the mark of this key", hashlib.sha256).hexdigest()


def jwt_signing() -> tuple[str, bytes]:
    """(kid, key) that signs new JWTs. To rotate it, rename the file `jwt` to `jwt.<anything>`, which goes on verifying, and restart."""
    return _kid(_keys["jwt"]), _keys["jwt"]


def jwt_verifying(kid: object) -> bytes | None:
    """The key of this kid, current or retired; only ever looked up among our own."""
    return _jwt.get(kid) if isinstance(kid, str) else None


def _kid(key: bytes) -> str:
    return hashlib.sha256(b"kid" + key).hexdigest()[:16]


def digest(purpose: str, text: str) -> str:
    """Keyed digest (HMAC-SHA256, hex) of a token or name, so that the store alone gives nothing to try."""
    return hmac.new(_keys["tokens"], f"{purpose}\0{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _make(path: Path) -> None:
    """Where it is missing. Two first starts at once make one key: each writes its own file whole, one of them gets the name."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
        sync(path.parent)


def sync(folder: Path) -> None:
    """Make the names in the folder outlive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise KeyRefused(f"Others can read the key {path} (mode {mode:04o}): chmod 600 it, and think about who may have copied it.")
    key = path.read_bytes()
    if len(key) != BYTES or len(set(key)) < BYTES // 4:
        raise KeyRefused(f"The key {path} is not {BYTES} random bytes: put back the right file, or remove it to have a new one made.")
    return key
