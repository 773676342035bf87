"""Tables, columns, indexes; nothing else. Every time is milliseconds since 1970 UTC."""
from __future__ import annotations

from enum import IntEnum

from peewee import (
    SQL,
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Context,
    Node,
    NodeList,
    SmallIntegerField,
    SqliteDatabase,
    TextField,
)
from peewee import Model as PeeweeModel

from webadmin.store.database import proxy

LONGEST_TEXT = 255


class Role(IntEnum):
    """What an account may do. The numbers are those of the contract users_v1_jwt.md (`user_role`)."""

    USER = 1
    ADMINISTRATOR = 2


class Id(BigAutoField):
    """Never given twice: SQLite hands the number of a purged row to the next one unless told AUTOINCREMENT."""

    def ddl(self, ctx: Context) -> Node:
        column = super().ddl(ctx)
        return NodeList((column, SQL("AUTOINCREMENT"))) if isinstance(proxy.obj, SqliteDatabase) else column


class Shelf(SmallIntegerField):
    """State and role in one number that the engine keeps itself; it leads every index that a list walks.

    0 1 active, 2 3 disabled, 4 5 deleted; the odd one of each pair holds the administrators.
    """

    def ddl(self, ctx: Context) -> Node:
        rule = "CASE WHEN deleted_at IS NOT NULL THEN 4 WHEN active THEN 0 ELSE 2 END + role - 1"
        return NodeList((super().ddl(ctx), SQL(f"GENERATED ALWAYS AS ({rule}) STORED")))


class EmailSort(CharField):
    """The folded e-mail, empty where there is none: a key that a page can start after, which NULL is not."""

    def ddl(self, ctx: Context) -> Node:
        return NodeList((super().ddl(ctx), SQL("GENERATED ALWAYS AS (COALESCE(email_key, '')) STORED")))


class Model(PeeweeModel):
    class Meta:
        database = proxy
        legacy_table_names = False
        only_save_dirty = True


def text(**options: object) -> CharField:
    return CharField(max_length=LONGEST_TEXT, **options)


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
    def is_administrator(self) -> bool:
        return self.role == Role.ADMINISTRATOR

    @property
    def state(self) -> str:
        return "deleted" if self.deleted_at is not None else "active" if self.active else "disabled"

    def get_id(self) -> str:
        return str(self.id)


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


class Throttle(Model):
    """Failed sign-ins of one account, unknown name, source or known device; `name` is a keyed digest of which."""

    name = CharField(max_length=64, primary_key=True)
    failures = BigIntegerField()
    in_a_row = BigIntegerField()
    first_at = BigIntegerField()
    until = BigIntegerField()
    updated_at = BigIntegerField(index=True)


class Link(Model):
    """A one-time link; only the digest of its token is kept."""

    digest = CharField(max_length=64, primary_key=True)
    purpose = CharField(max_length=16)
    account_id = BigIntegerField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField(index=True)


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


class Job(Model):
    """Work that is done by the clock; whichever process takes it first does it."""

    name = CharField(max_length=32, primary_key=True)
    due_at = BigIntegerField(default=0)
    ran_at = BigIntegerField(null=True)
    outcome = text(default="")
