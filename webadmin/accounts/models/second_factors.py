"""The tables of second factors. No secret of an authenticator app stands here, nor a recovery code: see totp.py and recovery.py."""
from __future__ import annotations

from peewee import BigIntegerField, BooleanField, CharField, SmallIntegerField, TextField

from webadmin.accounts.models.base import Id, Model, text


class Authenticator(Model):
    """An account's authenticator app. `last_step` is the time step of the last code that was taken: each is good once."""

    account_id = BigIntegerField(primary_key=True)
    nonce = CharField(max_length=32)
    last_step = BigIntegerField()
    added_at = BigIntegerField()


class RecoveryCode(Model):
    """One recovery code, as a keyed digest."""

    id = Id()
    account_id = BigIntegerField()
    digest = CharField(max_length=64, unique=True)
    used_at = BigIntegerField(null=True)

    class Meta:
        indexes = ((("account_id", "used_at"), False),)


class Passkey(Model):
    """A key pair whose private half never leaves a person's device; ids and keys as base64url."""

    id = Id()
    account_id = BigIntegerField(index=True)
    digest = CharField(max_length=64, unique=True)      # SHA-256 of the credential id, which may be longer than an index takes
    credential_id = TextField()
    public_key = TextField()
    sign_count = BigIntegerField()
    relying_party = text()
    name = text()
    transports = text()
    backed_up = BooleanField()
    created_at = BigIntegerField()
    last_used_at = BigIntegerField(default=0)           # 0: never


class PendingSignIn(Model):
    """A browser whose person has given the right password and owes the second factor; only the digest of its token is kept."""

    digest = CharField(max_length=64, primary_key=True)
    account_id = BigIntegerField(index=True)
    epoch = BigIntegerField()
    remember = BooleanField()
    going_to = TextField()
    tries = SmallIntegerField(default=0)
    expires_at = BigIntegerField(index=True)


OF_AN_ACCOUNT = (Authenticator, Passkey, RecoveryCode, PendingSignIn)      # what goes with the account when it is deleted for good
