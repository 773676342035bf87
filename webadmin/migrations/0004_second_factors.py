"""Authenticator apps, recovery codes, and sign-ins that wait for one of them."""
from webadmin.accounts import factor_models
from webadmin.store import database


def up(migrator, db):
    database.create_tables(factor_models.Authenticator, factor_models.RecoveryCode, factor_models.PendingSignIn)
