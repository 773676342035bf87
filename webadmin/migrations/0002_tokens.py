"""What scripts sign in with."""
from webadmin import database
from webadmin.accounts import models


def up(migrator, db):
    database.create_tables(models.Login, models.RevokedToken)
