"""The tables of second factors. No secret of an authenticator app stands here, nor a recovery code: see totp.py and recovery.py."""
from __future__ import annotations

from peewee import BigIntegerField, BooleanField, CharField, SmallIntegerField, TextField

from webadmin.accounts.models import Id, Model


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


class PendingSignIn(Model):
    """A browser whose person has given the right password and owes the second factor; only the digest of its token is kept."""

    digest = CharField(max_length=64, primary_key=True)
    account_id = BigIntegerField(index=True)
    epoch = BigIntegerField()
    remember = BooleanField()
    going_to = TextField()
    tries = SmallIntegerField(default=0)
    expires_at = BigIntegerField(index=True)


OF_AN_ACCOUNT = (Authenticator, RecoveryCode, PendingSignIn)      # what goes with the account when it is deleted for good
