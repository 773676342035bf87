"""Authenticator apps, recovery codes, and sign-ins that wait for one of them."""
from webadmin.accounts import models
from webadmin.store import database


def up(migrator, db):
    database.create_tables(models.Authenticator, models.RecoveryCode, models.PendingSignIn)
