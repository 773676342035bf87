"""What administrators change while it runs, and which keys the store was written with."""
from webadmin.accounts import models
from webadmin.store import schema


def up(migrator, db):
    schema.create_tables(models.Setting, models.KeyMark)
