"""How somebody is let in: sessions of browsers, logins of scripts, one-time links, and the failures that make them wait."""
from __future__ import annotations

from peewee import BigIntegerField, BooleanField, CharField

from webadmin.accounts.models.base import Id, Model, text


class Session(Model):
    """A browser that is signed in. Its cookie holds a random key; the row only that key's SHA-256."""

    id = Id()
    key_hash = CharField(max_length=64, unique=True)
    account_id = BigIntegerField(index=True)
    epoch = BigIntegerField()
    remember = BooleanField()
    device = text()
    source = text()
    created_at = BigIntegerField()
    seen_at = BigIntegerField()
    confirmed_at = BigIntegerField()
    expires_at = BigIntegerField(index=True)


class Login(Model):
    """A script that signed in: one row for each token pair or refresh token. JWTs carry its id (`sid`) and die with it."""

    id = Id()
    account_id = BigIntegerField(index=True)
    audience = CharField(max_length=16)
    epoch = BigIntegerField()
    refresh_digest = CharField(max_length=64, null=True, unique=True)
    source = text()
    created_at = BigIntegerField()
    expires_at = BigIntegerField(index=True)


class RevokedToken(Model):
    """One JWT that was signed out, or one challenge for a passkey that was answered, before its time."""

    jti = CharField(max_length=32, primary_key=True)
    expires_at = BigIntegerField(index=True)


class Link(Model):
    """A one-time link; only the digest of its token is kept."""

    digest = CharField(max_length=64, primary_key=True)
    purpose = CharField(max_length=16)
    account_id = BigIntegerField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(index=True)


class Throttle(Model):
    """Failed sign-ins of one account, unknown name, source or known device; `name` is a keyed digest of which."""

    name = CharField(max_length=64, primary_key=True)
    failures = BigIntegerField()
    in_a_row = BigIntegerField()
    first_at = BigIntegerField()
    until = BigIntegerField()
    updated_at = BigIntegerField(index=True)
