"""An authenticator without a device: it makes ES256 keys and signs what a browser would have it sign, or something slightly wrong."""
from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN = "http://localhost"
PRESENT, VERIFIED, MAY_BE_BACKED_UP, BACKED_UP, HOLDS_KEY = 1, 4, 8, 16, 64      # flags of the authenticator data


def coded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "===")


@dataclass
class Credential:
    id: bytes
    key: ec.EllipticCurvePrivateKey
    relying_party: str
    user: str
    count: int


class Authenticator:
    """`counts`: it counts its signatures, as a security key does; a synchronised passkey always says 0."""

    def __init__(self, counts: bool = True, flags: int = PRESENT | VERIFIED):
        self.counts, self.flags = counts, flags
        self.credentials: list[Credential] = []

    def create(self, options: dict[str, Any], origin: str = ORIGIN, **wrong: Any) -> str:
        """The answer to navigator.credentials.create, as JSON. `wrong` replaces parts: see _client, _data."""
        made = Credential(wrong.pop("id", secrets.token_bytes(32)), ec.generate_private_key(ec.SECP256R1()), options["rp"]["id"],
                          options["user"]["id"], int(self.counts))
        self.credentials.append(made)
        numbers = made.key.public_key().public_numbers()
        key = cbor2.dumps({1: 2, 3: wrong.pop("algorithm", -7), -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(made.id).to_bytes(2, "big") + made.id + key
        data = self._data(made, HOLDS_KEY, wrong) + attested
        return json.dumps({"id": coded(made.id), "rawId": coded(made.id), "type": "public-key", "response": {
            "clientDataJSON": coded(self._client("webauthn.create", options, origin, wrong)),
            "attestationObject": coded(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": wrong.get("transports", ["internal", "hybrid"])}})

    def get(self, options: dict[str, Any], origin: str = ORIGIN, **wrong: Any) -> str:
        """The answer to navigator.credentials.get by the credential that the options name, or by the last that was made here."""
        allowed = [each["id"] for each in options["allowCredentials"]]
        known = [each for each in self.credentials if not allowed or coded(each.id) in allowed]
        used = wrong.pop("credential", None) or known[-1]
        used.count += self.counts
        data, client = self._data(used, 0, wrong), self._client("webauthn.get", options, origin, wrong)
        signature = used.key.sign(data + sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return json.dumps({"id": coded(used.id), "rawId": coded(used.id), "type": "public-key", "response": {
            "clientDataJSON": coded(wrong.get("client_sent", client)), "authenticatorData": coded(wrong.get("data_sent", data)),
            "signature": coded(wrong.get("signature", signature)), "userHandle": wrong.get("user", used.user)}})

    def _client(self, kind: str, options: dict[str, Any], origin: str, wrong: dict[str, Any]) -> bytes:
        return json.dumps({"type": wrong.get("kind", kind), "challenge": wrong.get("challenge", options["challenge"]), "origin": origin,
                           "crossOrigin": wrong.get("cross_origin", False)}).encode()

    def _data(self, credential: Credential, flags: int, wrong: dict[str, Any]) -> bytes:
        return (sha256(wrong.get("relying_party", credential.relying_party).encode()).digest() + bytes([wrong.get("flags", self.flags) | flags])
                + wrong.get("count", credential.count).to_bytes(4, "big"))
