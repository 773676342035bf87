"""WebAuthn ceremonies: what a browser is asked for a passkey, and whether its answer holds. Nothing is stored here.

Source: W3C Web Authentication Level 3, sections 7.1 and 7.2. A challenge carries its time and a keyed digest of what it was made for,
so that asking costs the store nothing; whoever accepts an answer spends its challenge (passkeys.py). webauthn is imported where it is
used: that takes half a second, and most processes never need it.
"""
from __future__ import annotations

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from webadmin.accounts import keys
from webadmin.accounts.errors import PasskeyRefused
from webadmin.accounts.models import Account, Passkey
from webadmin.store import database
from webadmin.store.database import MINUTE_MS

CHALLENGE_MINUTES = 5
ALGORITHMS = (-7, -8, -257)            # ES256, EdDSA, RS256, as COSE numbers them
LONGEST_ANSWER, LONGEST_ID_BYTES, LONGEST_KEY_BYTES = 16 * 1024, 1023, 1024
USUAL_PORTS = {"https": ":443", "http": ":80"}      # which an origin leaves out
ADD, SIGN_IN, SECOND, CONFIRM = "add", "sign in", "second step", "confirm"


@dataclass(frozen=True)
class RelyingParty:
    """Where passkeys are good: the name that they are bound to, and the origin of the pages that may ask for them."""

    id: str
    origin: str


def relying_party(public: str, host: str, scheme: str) -> RelyingParty | None:
    """That of the `public` address; without one that of localhost, never what else a Host header claims.

    None where a browser would refuse: for an IP address, for plain http but on localhost, for a page under another name.
    """
    asked = urlsplit(f"{scheme}://{host}")
    own = urlsplit(public) if public else asked
    name = own.hostname or ""
    if asked.hostname != name or _is_address(name) or name != "localhost" and (not public or own.scheme != "https"):
        return None
    return RelyingParty(name, f"{own.scheme}://{own.netloc.lower().removesuffix(USUAL_PORTS[own.scheme])}")


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return not name


def to_create(account: Account, site: RelyingParty, known: Iterable[Passkey], whom: str) -> dict[str, Any]:
    """PublicKeyCredentialCreationOptionsJSON."""
    return {"rp": {"id": site.id, "name": "webadmin"},
            "user": {"id": handle(account), "name": account.username, "displayName": account.display_name},
            "challenge": _challenge(ADD, whom), "timeout": CHALLENGE_MINUTES * MINUTE_MS, "attestation": "none",
            "pubKeyCredParams": [{"type": "public-key", "alg": number} for number in ALGORITHMS],
            "excludeCredentials": [_descriptor(each) for each in known],
            "authenticatorSelection": {"residentKey": "preferred", "requireResidentKey": False, "userVerification": "preferred"}}


def to_get(purpose: str, site: RelyingParty, known: Iterable[Passkey], whom: str) -> dict[str, Any]:
    """PublicKeyCredentialRequestOptionsJSON; without `known` ones the browser offers those that it finds by itself."""
    return {"rpId": site.id, "challenge": _challenge(purpose, whom), "timeout": CHALLENGE_MINUTES * MINUTE_MS,
            "allowCredentials": [_descriptor(each) for each in known],
            "userVerification": "preferred" if purpose == SECOND else "required"}


def handle(account: Account) -> str:
    """What stands for the account in an authenticator: no name, and never another's."""
    return coded(bytes.fromhex(account.object_id))


def coded(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True)
class Answer:
    """What a browser sent, read but not yet believed."""

    credential: dict[str, Any]
    client: dict[str, Any]

    @property
    def id(self) -> str:
        return self.credential["id"]

    @property
    def response(self) -> dict[str, Any]:
        return self.credential["response"]


def read(text: str) -> Answer:
    """The JSON form of a PublicKeyCredential. Raises PasskeyRefused."""
    try:
        if len(text) > LONGEST_ANSWER:
            raise ValueError
        credential = json.loads(text)
        client = json.loads(decoded(credential["response"]["clientDataJSON"]))
        if coded(decoded(credential["id"])) != credential["id"] or not 0 < len(decoded(credential["id"])) <= LONGEST_ID_BYTES:
            raise ValueError
        return Answer(credential, {**client})
    except (ValueError, TypeError, KeyError, RecursionError) as wrong:
        raise PasskeyRefused from wrong


def mark(answer: Answer, purpose: str, whom: str) -> tuple[str, int]:
    """What the answer's challenge is known by, 32 letters, and when it ends. Raises PasskeyRefused unless it is ours, for this, in time."""
    try:
        made, nonce, proof = decoded(answer.client["challenge"]).decode("ascii").split(".")
        age = database.now() - int(made)
    except (ValueError, TypeError, KeyError) as wrong:
        raise PasskeyRefused from wrong
    if not hmac.compare_digest(proof, _proof(purpose, whom, made, nonce)) or not 0 <= age < CHALLENGE_MINUTES * MINUTE_MS:
        raise PasskeyRefused
    return proof[:32], int(made) + CHALLENGE_MINUTES * MINUTE_MS


def created(answer: Answer, site: RelyingParty) -> Any:
    """webauthn's VerifiedRegistration. Raises PasskeyRefused."""
    from webauthn import verify_registration_response
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    made = _held(answer, site, verify_registration_response,
                 supported_pub_key_algs=[COSEAlgorithmIdentifier(number) for number in ALGORITHMS])
    if len(made.credential_public_key) > LONGEST_KEY_BYTES or coded(made.credential_id) != answer.id:
        raise PasskeyRefused
    return made


def got(answer: Answer, site: RelyingParty, passkey: Passkey, *, must_verify: bool) -> Any:
    """webauthn's VerifiedAuthentication; `must_verify`: the authenticator has asked for a PIN, finger or face. Raises PasskeyRefused.

    Whether the sign count went up is for the caller to judge: what falls behind with a right signature is a copy.
    """
    from webauthn import verify_authentication_response

    return _held(answer, site, verify_authentication_response, credential_public_key=decoded(passkey.public_key),
                 credential_current_sign_count=0, require_user_verification=must_verify)


def _held(answer: Answer, site: RelyingParty, verify: Any, **rules: Any) -> Any:
    if answer.client.get("crossOrigin"):
        raise PasskeyRefused
    try:
        return verify(credential=answer.credential, expected_challenge=decoded(answer.client["challenge"]), expected_rp_id=site.id,
                      expected_origin=site.origin, **rules)
    except Exception as wrong:      # a hostile answer breaks the parsers below in more ways than they name
        raise PasskeyRefused from wrong


def _challenge(purpose: str, whom: str) -> str:
    made, nonce = str(database.now()), secrets.token_urlsafe(16)
    return coded(f"{made}.{nonce}.{_proof(purpose, whom, made, nonce)}".encode())


def _proof(purpose: str, whom: str, made: str, nonce: str) -> str:
    return keys.digest(f"passkey challenge {purpose}", f"{whom} {made} {nonce}")


def _descriptor(passkey: Passkey) -> dict[str, Any]:
    transports = {"transports": passkey.transports.split(",")} if passkey.transports else {}
    return {"type": "public-key", "id": passkey.credential_id, **transports}
