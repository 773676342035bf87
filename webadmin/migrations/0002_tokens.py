"""What scripts sign in with."""
from webadmin.accounts import models
from webadmin.store import database


def up(migrator, db):
    database.create_tables(models.Login, models.RevokedToken)
