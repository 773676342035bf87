"""Tables, columns, indexes; nothing else. Every time is milliseconds since 1970 UTC."""
from webadmin.accounts.models.access import Link, Login, RevokedToken, Session, Throttle
from webadmin.accounts.models.accounts import Account, Role
from webadmin.accounts.models.base import LONGEST_TEXT, Model
from webadmin.accounts.models.log import Change, Detail, LogHead
from webadmin.accounts.models.second_factors import OF_AN_ACCOUNT, Authenticator, Passkey, PendingSignIn, RecoveryCode
from webadmin.accounts.models.upkeep import Job, KeyMark, Setting

__all__ = ["LONGEST_TEXT", "OF_AN_ACCOUNT", "Account", "Authenticator", "Change", "Detail", "Job", "KeyMark", "Link", "LogHead", "Login",
           "Model", "Passkey", "PendingSignIn", "RecoveryCode", "RevokedToken", "Role", "Session", "Setting", "Throttle"]
