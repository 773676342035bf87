"""What every table has."""
from __future__ import annotations

from peewee import SQL, BigAutoField, CharField, Context, Node, NodeList, SqliteDatabase
from peewee import Model as PeeweeModel

from webadmin.store.database import proxy

LONGEST_TEXT = 255


class Id(BigAutoField):
    """Never given twice: SQLite hands the number of a purged row to the next one unless told AUTOINCREMENT."""

    def ddl(self, ctx: Context) -> Node:
        column = super().ddl(ctx)
        return NodeList((column, SQL("AUTOINCREMENT"))) if isinstance(proxy.obj, SqliteDatabase) else column


class Model(PeeweeModel):
    class Meta:
        database = proxy
        legacy_table_names = False
        only_save_dirty = True


def text(**options: object) -> CharField:
    return CharField(max_length=LONGEST_TEXT, **options)
