"""Codes of authenticator apps: RFC 6238, SHA-1, six digits, 30 seconds, one step either way, each good once.

The secret is not stored. It is derived from the account, a nonce and a key outside the database, so that the database alone gives
no code away. pyotp is imported where it is used: the server starts and runs without it until somebody has an app.
"""
from __future__ import annotations

import base64
import hmac
import re
import secrets

from webadmin.accounts import keys
from webadmin.accounts.models import Account, Authenticator
from webadmin.store import database

STEP_SECONDS = 30
DRIFT_STEPS = 1                # a clock may be so far off, and a person so slow
FORGIVEN_STEPS = 60            # half an hour: clocks of several servers differ by less
SECRET_BYTES = 20              # RFC 4226 section 4, R6: 160 bits
CODE = re.compile(r"[0-9]{6}")
AT_THE_END = re.compile(r"(.*)([0-9]{6})", re.DOTALL)


def new_nonce() -> str:
    """What a new app's secret is derived from; no secret itself."""
    return secrets.token_hex(16)


def secret(account: Account, nonce: str) -> str:
    """The secret that the app and the server share, 32 letters of base32."""
    text = f"totp {account.id} {account.object_id} {nonce}"
    return base64.b32encode(hmac.digest(keys.of("factors"), text.encode(), "sha256")[:SECRET_BYTES]).decode()


def address(account: Account, nonce: str, issuer: str) -> str:
    """What the QR code says: an otpauth:// address, which apps read."""
    import pyotp
    return pyotp.TOTP(secret(account, nonce)).provisioning_uri(name=account.username, issuer_name=issuer)


def step(account: Account, nonce: str, code: str, after: int = 0) -> int | None:
    """The time step that the code belongs to, later than the step `after`; None where it belongs to none that is near."""
    if not CODE.fullmatch(code):
        return None
    import pyotp
    app, now = pyotp.HOTP(secret(account, nonce)), database.now() // 1000 // STEP_SECONDS
    if after > now + FORGIVEN_STEPS:      # a clock that was wrong must not lock the app out for as long
        after = 0
    near = range(max(after + 1, now - DRIFT_STEPS, 0), now + DRIFT_STEPS + 1)
    return min([each for each in near if hmac.compare_digest(app.at(each), code)], default=None)


def fits(account: Account, app: Authenticator, code: str) -> bool:
    """The code is right and has not been taken; nothing is written."""
    return step(account, app.nonce, code, app.last_step) is not None


def accept(account: Account, code: str) -> bool:
    """The code is right and was never taken before. Part of the caller's transaction: of two at once one is refused."""
    app = Authenticator.get_or_none(Authenticator.account_id == account.id)
    found = app and step(account, app.nonce, code, app.last_step)
    return found is not None and bool(Authenticator.update(last_step=found).where(
        (Authenticator.account_id == account.id) & (Authenticator.nonce == app.nonce)
        & (Authenticator.last_step == app.last_step)).execute())


def split(typed: str) -> tuple[str, str]:
    """Password and code, where somebody typed both in a row; the code is empty where the text does not end with six digits."""
    found = AT_THE_END.fullmatch(typed)
    return (found[1], found[2]) if found else (typed, "")
