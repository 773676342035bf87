"""Authenticator apps, recovery codes, and sign-ins that wait for one of them."""
from webadmin.accounts import models
from webadmin.store import schema


def up(migrator, db):
    schema.create_tables(models.Authenticator, models.RecoveryCode, models.PendingSignIn)
