"""What people sign in with instead of a password, or besides it."""
from webadmin.accounts import models
from webadmin.store import database


def up(migrator, db):
    database.create_tables(models.Passkey)
