"""What is done by the clock."""
from webadmin.accounts import models
from webadmin.store import schema


def up(migrator, db):
    schema.create_tables(models.Job)
