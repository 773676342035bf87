"""What is done by the clock."""
from webadmin.accounts import models
from webadmin.store import database


def up(migrator, db):
    database.create_tables(models.Job)
