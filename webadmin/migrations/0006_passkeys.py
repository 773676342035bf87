"""What people sign in with instead of a password, or besides it."""
from webadmin.accounts import factor_models
from webadmin.store import database


def up(migrator, db):
    database.create_tables(factor_models.Passkey)
