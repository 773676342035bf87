"""The account."""
from __future__ import annotations

from enum import IntEnum

from peewee import SQL, BigIntegerField, BooleanField, CharField, Context, Node, NodeList, SmallIntegerField, TextField

from webadmin.accounts.models.base import LONGEST_TEXT, Id, Model, text
from webadmin.accounts.models.shelves import Shelf
from webadmin.store import database


class Role(IntEnum):
    """What an account may do. The numbers are those of the contract users_v1_jwt.md (`user_role`)."""

    USER = 1
    ADMINISTRATOR = 2


def is_over(expires_at: int | None) -> bool:
    """The last day of an account has passed."""
    return expires_at is not None and database.now() >= expires_at


class EmailSort(CharField):
    """The folded e-mail, empty where there is none: a key that a page can start after, which NULL is not."""

    def ddl(self, ctx: Context) -> Node:
        return NodeList((super().ddl(ctx), SQL("GENERATED ALWAYS AS (COALESCE(email_key, '')) STORED")))


class Account(Model):
    id = Id()
    object_id = CharField(max_length=24, unique=True)
    username = text()
    username_key = text(unique=True)
    email = text(null=True)
    email_key = text(null=True, unique=True)
    display_name = text()
    display_key = text()
    first_name = text(default="")
    last_name = text(default="")
    role = SmallIntegerField(default=Role.USER)
    is_chirpy_red = BooleanField(default=False)
    password_hash = CharField(max_length=512, null=True)
    password_scheme = CharField(max_length=32, null=True)
    token_hash = CharField(max_length=60, null=True)
    token_digest = CharField(max_length=64, null=True, unique=True)
    epoch = BigIntegerField(default=1)
    version = BigIntegerField(default=1)
    active = BooleanField(default=True)
    must_change_password = BooleanField(default=False)
    expires_at = BigIntegerField(null=True)
    last_signed_in_at = BigIntegerField(default=0)      # 0: never
    created_at = BigIntegerField()
    updated_at = BigIntegerField()
    deleted_at = BigIntegerField(null=True)
    deleted_by_change = BigIntegerField(null=True)
    search_text = TextField(default="")
    shelf = Shelf(null=True)
    email_sort = EmailSort(max_length=LONGEST_TEXT, null=True)

    class Meta:
        indexes = tuple(((("shelf", column, "id"), False)) for column in (
            "display_key", "username_key", "email_sort", "last_signed_in_at", "created_at"))

    is_authenticated, is_anonymous = True, False

    @property
    def is_active(self) -> bool:
        return self.active and self.deleted_at is None

    @property
    def is_over(self) -> bool:
        return is_over(self.expires_at)

    @property
    def may_sign_in(self) -> bool:
        return self.is_active and not self.is_over

    @property
    def is_administrator(self) -> bool:
        return self.role == Role.ADMINISTRATOR

    @property
    def state(self) -> str:
        return "deleted" if self.deleted_at is not None else "active" if self.active else "disabled"

    def get_id(self) -> str:
        return str(self.id)
