"""What scripts sign in with."""
from webadmin.accounts import models
from webadmin.store import schema


def up(migrator, db):
    schema.create_tables(models.Login, models.RevokedToken)
