"""Recovery codes, for who has lost the second factor: ten of 50 random bits, each good once, kept as keyed digests."""
from __future__ import annotations

import re
import secrets

from webadmin.accounts import keys
from webadmin.accounts.models import Account, RecoveryCode
from webadmin.store import database

CODES = 10
HALF = 5                                              # XXXXX-XXXXX
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"         # Crockford's: no I, L, O or U
READ_AS = str.maketrans("ILO", "110")
WRITTEN = re.compile(rf"[{ALPHABET}]{{{HALF}}}-[{ALPHABET}]{{{HALF}}}")


def make(account: Account) -> list[str]:
    """New codes; the older ones are dead. This is the only time that anybody sees them. Part of the caller's transaction."""
    codes = [f"{_letters()}-{_letters()}" for _ in range(CODES)]
    RecoveryCode.delete().where(RecoveryCode.account_id == account.id).execute()
    RecoveryCode.insert_many([{"account_id": account.id, "digest": _digest(account, code)} for code in codes]).execute()
    return codes


def left(account: Account) -> int:
    """How many codes have not been used."""
    return RecoveryCode.select().where((RecoveryCode.account_id == account.id) & RecoveryCode.used_at.is_null()).count()


def accept(account: Account, typed: str) -> bool:
    """The code is one of the account's and was never used. Part of the caller's transaction: of two at once one is refused."""
    return bool(RecoveryCode.update(used_at=database.now()).where(
        (RecoveryCode.digest == _digest(account, typed)) & (RecoveryCode.account_id == account.id)
        & RecoveryCode.used_at.is_null()).execute())


def void_all() -> int:
    """No code of anybody opens any more. Returns how many accounts had some left. Part of the caller's transaction."""
    had: int = RecoveryCode.select(RecoveryCode.account_id).where(RecoveryCode.used_at.is_null()).distinct().count()
    RecoveryCode.delete().execute()
    return had


def _letters() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(HALF))


def _digest(account: Account, typed: str) -> str:
    """However it is typed: without the dash, in small letters, with I, L or O where a digit was meant."""
    letters = typed.replace("-", "").upper().translate(READ_AS)
    return keys.digest("recovery code", f"{account.id} {letters}")
