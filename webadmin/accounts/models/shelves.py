"""State and role in one number, the shelf, which leads every index that a list walks."""
from __future__ import annotations

from peewee import SQL, Context, Node, NodeList, SmallIntegerField

# each state has two, the odd one holds its administrators
STATES = {"active": (0, 1), "disabled": (2, 3), "deleted": (4, 5)}
ROLES = {"user": 0, "administrator": 1}      # the remainder by 2
RULE = "GENERATED ALWAYS AS (CASE WHEN deleted_at IS NOT NULL THEN 4 WHEN active THEN 0 ELSE 2 END + role - 1) STORED"
PRESENT = (*STATES["active"], *STATES["disabled"])
ALL = (*PRESENT, *STATES["deleted"])
STATE_OF = tuple(STATES)                     # by the quotient by 2
ACTIVE_ADMINISTRATOR = STATES["active"][ROLES["administrator"]]


class Shelf(SmallIntegerField):
    """The column, which the engine keeps itself by the RULE."""

    def ddl(self, ctx: Context) -> Node:
        return NodeList((super().ddl(ctx), SQL(RULE)))
