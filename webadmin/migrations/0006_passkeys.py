"""What people sign in with instead of a password, or besides it."""
from webadmin.accounts import models
from webadmin.store import schema


def up(migrator, db):
    schema.create_tables(models.Passkey)
