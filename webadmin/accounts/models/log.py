"""The change log."""
from __future__ import annotations

from peewee import BigIntegerField, CharField, SmallIntegerField, TextField

from webadmin.accounts.models.base import Id, Model, text


class Change(Model):
    """One entry of the log. `id` is its place in the chain; `seal` covers it and the entry before.

    It holds no name: a purge must be able to take a person's data away without breaking the chain. `digest` covers the reason and
    the details, which a purge may blank; `blanked_by` names that purge, `blank_mark` covers what it left.
    """

    id = BigIntegerField(primary_key=True)
    at = BigIntegerField(index=True)
    kind = CharField(max_length=32)
    group = CharField(max_length=8, column_name="kind_group")
    actor_id = BigIntegerField(null=True)
    door = CharField(max_length=32)
    source = text()
    request_id = CharField(max_length=32)
    reason = TextField(default="")
    account_id = BigIntegerField(null=True)
    accounts = BigIntegerField()
    digest = CharField(max_length=64)
    seal = CharField(max_length=64)
    blanked_by = BigIntegerField(null=True)
    blank_mark = CharField(max_length=64, default="")

    class Meta:
        indexes = ((("actor_id", "id"), False), (("account_id", "id"), False), (("kind", "id"), False), (("group", "id"), False))


class Detail(Model):
    """What one change did to one account: JSON objects of the fields before and after."""

    id = Id()
    change_id = BigIntegerField()
    account_id = BigIntegerField()
    before = TextField()
    after = TextField()

    class Meta:
        indexes = ((("change_id", "account_id"), True), (("account_id", "change_id"), False))


class LogHead(Model):
    """One row: where the log ends and, since expiry cuts it, begins. Locked last in every transaction: writers queue and never deadlock."""

    id = SmallIntegerField(primary_key=True)
    change_id = BigIntegerField(default=0)
    seal = CharField(max_length=64, default="")
    first_id = BigIntegerField(default=1)
    seal_before_first = CharField(max_length=64, default="")
    mark = CharField(max_length=64)      # covers the rest, with a key outside the database
