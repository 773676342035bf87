"""What administrators change while it runs, and which keys the store was written with."""
from webadmin.accounts import models
from webadmin.store import database


def up(migrator, db):
    database.create_tables(models.Setting, models.KeyMark)
