"""Tables of what the console knows of itself; nothing else."""
from __future__ import annotations

from peewee import BigIntegerField, CharField

from webadmin.accounts.models.base import Model, text


class Setting(Model):
    """A policy that an administrator has changed; the others have their defaults (accounts/policies.py)."""

    name = CharField(max_length=32, primary_key=True)
    value = text()
    updated_at = BigIntegerField()
    by = BigIntegerField(null=True)      # an account; NULL: the command line


class KeyMark(Model):
    """A key that this store was written with, known by a digest of it."""

    name = CharField(max_length=32, primary_key=True)
    mark = CharField(max_length=64)


class Job(Model):
    """Work that is done by the clock, by whichever process takes it first; and when the log was verified last."""

    name = CharField(max_length=32, primary_key=True)
    due_at = BigIntegerField(default=0)
    ran_at = BigIntegerField(null=True)
    outcome = text(default="")
