"""What makes the log verifiable: HMACs with a key outside the database, over entries, over the log's ends, over what a purge left."""
from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from webadmin.accounts import keys
from webadmin.accounts.models import Change, LogHead

COUNTED_ANEW = 1_000      # a purge takes a new digest of an entry of so many accounts; the rest of a larger one is covered no more
NOT_OURS = "the end of the log before this entry was not ours"


def seal(entry: Change, seal_before: str) -> str:
    """HMAC-SHA256 (hex) over the entry and the seal of the one before it."""
    return _hmac([seal_before, entry.id, entry.at, entry.kind, entry.actor_id, entry.door, entry.source,
                  entry.request_id, entry.account_id, entry.accounts, entry.digest])


def mark(head: LogHead) -> str:
    """HMAC over where the log begins and ends: who has the database alone can cut nothing off."""
    return _hmac(["log", head.change_id, head.seal, head.first_id, head.seal_before_first])


def last_seal(head: LogHead) -> str:
    """What the next entry's seal covers. Where somebody moved the end of the log, the next entry will not fit, and so tells it for good."""
    return head.seal if hmac.compare_digest(mark(head), head.mark) else NOT_OURS


def digest(reason: str, details: Iterable[tuple[int, str, str]]) -> str:
    """One SHA-256 over the reason and the details (account, before, after) in the order of their accounts."""
    whole = hashlib.sha256(reason.encode())
    for account, before, after in details:      # as json.dumps writes it, in a third of the time
        whole.update(f"[{account}, {_quoted(before)}, {_quoted(after)}]".encode())
    return whole.hexdigest()


def blank_mark(entry: Change, purge: int, found: str) -> str:
    """HMAC over what a purge left of an entry; `found` is the digest of that."""
    return _hmac(["blanked", entry.id, purge, found if entry.accounts <= COUNTED_ANEW else ""])


def is_whole(entry: Change, found: str) -> bool:
    """Reason and details, of the digest `found`, are those that were written, or what a purge left of them."""
    if entry.blanked_by is None:
        return found == entry.digest
    return hmac.compare_digest(blank_mark(entry, entry.blanked_by, found), entry.blank_mark)


def _hmac(covered: list[Any]) -> str:
    return hmac.new(keys.of("log"), json.dumps(covered).encode(), hashlib.sha256).hexdigest()
