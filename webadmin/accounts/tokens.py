"""What scripts sign in with: API tokens, JWTs, refresh tokens. Issue, read, refresh, revoke; lifetimes for each contract.

JWTs: HS512, RFC 7519, pinned as RFC 8725 asks. Each carries the id of its login row (`sid`), so that one joined, indexed read
decides at every request; opaque tokens have 256 bits, and the store keeps a keyed digest.
"""
from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from peewee import fn

from webadmin.accounts import changes, keys, passwords, users
from webadmin.accounts.actors import Actor
from webadmin.accounts.changes import Kind
from webadmin.accounts.errors import AccountError
from webadmin.accounts.models import Account, Login, RevokedToken
from webadmin.accounts.second_factors import factors
from webadmin.store import database
from webadmin.store.database import DAY_SECONDS
from webadmin.store.prepared import Prepared, slot

MINUTE_SECONDS, HOUR_SECONDS = 60, 60 * 60
V1, CHIRPY, COOKIE, MASS = "v1", "chirpy", "cookie", "mass"
ACCESS, REFRESH = "access", "refresh"
ACCESS_SECONDS = {V1: 30 * MINUTE_SECONDS, CHIRPY: HOUR_SECONDS, COOKIE: DAY_SECONDS, MASS: HOUR_SECONDS}
LOGIN_SECONDS = {V1: 30 * DAY_SECONDS, CHIRPY: 60 * DAY_SECONDS, COOKIE: DAY_SECONDS, MASS: HOUR_SECONDS}
ALGORITHM, ISSUER = "HS512", "webadmin"
REQUIRED = ["exp", "iat", "nbf", "jti", "sub", "iss", "aud", "type", "sid"]
HEADER = {"typ", "alg", "kid"}
LEEWAY_SECONDS = 5
LONGEST_TOKEN = 4096          # characters; ours have some 500
MOST_READ = 1000              # tokens whose signature need not be looked at again
SHORTEST_CHOSEN = 20          # characters of an API token that a client chose and that may open Bearer


class TokenRefused(AccountError):
    """Base: the token does not open this door."""

    sentence = "Token has been revoked"


class TokenMalformed(TokenRefused):
    """It is no JSON Web Token, or lacks a claim that each of ours has."""

    sentence = "Not a JSON Web Token"


class TokenOfAnotherKind(TokenRefused):
    """It is ours and in force, but of another type or for another contract."""

    sentence = "Only access tokens are allowed"


@dataclass(frozen=True)
class Bearer:
    """Who a token stands for, with its login and claims; an API token has neither."""

    account: Account
    login: Login | None = None
    claims: dict[str, Any] | None = None


REVOKED = fn.EXISTS(RevokedToken.select().where(RevokedToken.jti == slot(0))).alias("revoked")
BY_SID = Prepared(lambda: Login.select(Login, Account, REVOKED).join(Account, on=(Login.account_id == Account.id), attr="account")
                  .where(Login.id == slot(1)))
BY_REFRESH = Prepared(lambda: Login.select(Login, Account).join(Account, on=(Login.account_id == Account.id), attr="account")
                      .where(Login.refresh_digest == slot(0)))
BY_API_TOKEN = Prepared(lambda: Account.select().where(Account.token_digest == slot(0)))


def start(account: Account, audience: str, *, by: Actor, refresh: str | None = None) -> Login:
    """A login row of this contract. `refresh` is an opaque refresh token that opens it again."""
    now = database.now()
    with database.transaction():
        return Login.create(account_id=account.id, audience=audience, epoch=account.epoch, source=by.source, created_at=now,
                            expires_at=now + LOGIN_SECONDS[audience] * 1000, refresh_digest=refresh and keys.digest("refresh", refresh))


def opaque() -> str:
    """A new opaque token: 256 random bits in 43 letters."""
    return secrets.token_urlsafe(32)


def issue(account: Account, login: Login, kind: str = ACCESS, claims: Mapping[str, Any] | None = None) -> str:
    """A JWT of this login. Its life is the contract's and never longer than the login's; `claims` are those of the document."""
    now = database.now() // 1000
    life = ACCESS_SECONDS[login.audience] if kind == ACCESS else LOGIN_SECONDS[login.audience]
    payload = {"iss": ISSUER, "aud": login.audience, "sub": str(account.id), "type": kind, "jti": secrets.token_hex(16),
               "iat": now, "nbf": now, "exp": min(now + life, -(-login.expires_at // 1000)), "sid": login.id, **(claims or {})}
    import jwt  # where it is used: with the cryptography that it brings it is an eighth of the start, and no page needs it

    kid, key = keys.jwt_signing()
    return jwt.encode(payload, key, algorithm=ALGORITHM, headers={"kid": kid})


def read(token: str, audiences: tuple[str, ...], kinds: tuple[str, ...] = (ACCESS,)) -> Bearer:
    """Who a JWT stands for, as they are now. Raises TokenMalformed, TokenOfAnotherKind or TokenRefused."""
    claims = _claims(token)
    row = BY_SID.first(claims["jti"], claims["sid"])
    if row is None or row.revoked:
        raise TokenRefused
    account = row.account
    if str(account.id) != claims["sub"] or row.audience != claims["aud"] or not _in_force(row, account):
        raise TokenRefused
    if claims["aud"] not in audiences:
        raise TokenOfAnotherKind("This token is for another contract")
    if claims["type"] not in kinds:
        raise TokenOfAnotherKind(f"Only {kinds[0]} tokens are allowed")
    return Bearer(account, row, claims)


def read_refresh(token: str, audience: str) -> Bearer:
    """Who an opaque refresh token stands for. Raises TokenRefused."""
    login = BY_REFRESH.first(keys.digest("refresh", token))
    if login is None or login.audience != audience or not _in_force(login, login.account):
        raise TokenRefused
    return Bearer(login.account, login)


def read_api_token(token: str) -> Bearer:
    """Who an API token stands for: one indexed read. Raises TokenRefused."""
    account = BY_API_TOKEN.first(keys.digest("api token", token)) if token else None
    if account is None or not account.may_sign_in or factors.asked_of(account):
        raise TokenRefused
    return Bearer(account)


def revoke(bearer: Bearer, *, by: Actor) -> None:
    """This one JWT is dead from now on; the rest of its login lives."""
    assert bearer.claims is not None
    with database.transaction():
        RevokedToken.insert(jti=bearer.claims["jti"], expires_at=bearer.claims["exp"] * 1000).on_conflict_ignore().execute()
        changes.record(Kind.SIGNED_OUT, by=by, account=bearer.account)


def end(bearer: Bearer, *, by: Actor) -> None:
    """The whole login is dead: its access and refresh tokens."""
    assert bearer.login is not None
    with database.transaction():
        Login.delete().where(Login.id == bearer.login.id).execute()
        changes.record(Kind.SIGNED_OUT, by=by, account=bearer.account)


def hashed(token: str) -> tuple[str, str | None]:
    """(bcrypt hash, keyed digest) of an API token. Only from SHORTEST_CHOSEN characters on it opens Bearer: else there is no digest."""
    return passwords.hash_token(token), keys.digest("api token", token) if len(token) >= SHORTEST_CHOSEN else None


def renew_api_token(account: Account, *, by: Actor) -> str:
    """Give the account a new API token in place of its old one. Returns it: the only time that anybody sees it."""
    token = opaque()
    users.set_api_token(account, hashed(token), by=by)
    return token


def _in_force(login: Login, account: Account) -> bool:
    alive = database.now() < login.expires_at and login.epoch == account.epoch
    return alive and account.may_sign_in and not factors.asked_of(account)


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token that we signed and that is in its time. The signature is judged before the claims."""
    claims = _signed(token)
    if not claims["nbf"] - LEEWAY_SECONDS <= database.now() // 1000 < claims["exp"] + LEEWAY_SECONDS:
        raise TokenRefused("Token has expired")
    return claims


_read: dict[bytes, tuple[str, bytes, dict[str, Any]]] = {}      # SHA-256 of a token -> name and key of its signature, and its claims


def _signed(token: str) -> dict[str, Any]:
    """The claims of a token that we signed. One that was read before, with a key that is still ours, is not judged again."""
    if len(token) > LONGEST_TOKEN:
        raise TokenMalformed
    name = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
    kid, key, claims = _read.get(name, ("", b"", None))
    if claims is None or keys.jwt_verifying(kid) != key:
        kid, key = _key(token)
        claims = _judged(token, key)
        if len(_read) >= MOST_READ:
            _read.clear()
        _read[name] = kid, key, claims
    return claims


def _judged(token: str, key: bytes) -> dict[str, Any]:
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=[ALGORITHM], audience=[V1, CHIRPY, COOKIE, MASS], issuer=ISSUER,
            options={"require": REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False})
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        raise TokenRefused("Signature verification failed") from None
    except jwt.DecodeError:
        raise TokenMalformed from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise TokenMalformed("Malformed token") from None
    numbers = all(type(claims[name]) is int for name in ("exp", "iat", "nbf", "sid"))
    words = all(type(claims[name]) is str and claims[name].isascii() for name in ("jti", "sub", "aud", "type"))
    if not (numbers and words and 0 < claims["sid"] < 1 << 63 and 0 <= claims["exp"] - claims["iat"] <= max(LOGIN_SECONDS.values())):
        raise TokenMalformed("Malformed token")
    return claims


def _key(token: str) -> tuple[str, bytes]:
    """The key of ours that the header's `kid` names; a header that says more than ours is none. Raises TokenRefused or TokenMalformed."""
    import jwt

    try:
        header = jwt.get_unverified_header(token)
        key = keys.jwt_verifying(header.get("kid")) if set(header) == HEADER else None
    except jwt.DecodeError:
        raise TokenMalformed from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        key = None
    if key is None:
        raise TokenRefused("Signature verification failed")
    return header["kid"], key
