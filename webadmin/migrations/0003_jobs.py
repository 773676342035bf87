"""What is done by the clock."""
from webadmin import database
from webadmin.accounts import models


def up(migrator, db):
    database.create_tables(models.Job)
