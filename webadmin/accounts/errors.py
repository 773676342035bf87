"""The ways to break a rule: a class, the field it concerns, a sentence for people. Doors map the class to their own words.

What only one module can raise stands there.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from webadmin.accounts.models import Account


class AccountError(Exception):
    """Base of all; `field` names the input it belongs to, or is empty."""

    sentence = "This cannot be done."
    field = ""

    def __init__(self, sentence: str = "", *, field: str = ""):
        self.sentence = sentence or self.sentence
        self.field = field or self.field
        super().__init__(self.sentence)


class NotAllowed(AccountError):
    sentence = "Your account may not do this."


class RegistrationClosed(NotAllowed):
    sentence = "Sign up is closed"


class NotFound(AccountError):
    sentence = "There is no such account."


class LastAdministrator(AccountError):
    sentence = "At least one active administrator must remain."


class Invalid(AccountError):
    """A value that a field does not take."""


class UnknownView(Invalid):
    """A list that does not exist: an unknown sort, filter or place to begin at."""


class WeakPassword(Invalid):
    field = "password"


class Taken(AccountError):
    """The username or e-mail belongs to another account, deleted ones included."""


class UsernameTaken(Taken):
    sentence, field = "Another account has this username.", "username"


class EmailTaken(Taken):
    sentence, field = "Another account has this e-mail address.", "email"


class Conflict(AccountError):
    """Someone else saved the account since the form was opened; `current` is the account as it is now."""

    sentence = "Someone else changed this account while you were editing it."

    def __init__(self, current: Account):
        super().__init__()
        self.current = current


class SignInRefused(AccountError):
    """Base of what the gate answers. For `unheard_seconds` nobody from the same source is heard, whatever the name."""

    unheard_seconds = 0.0


class WrongCredentials(SignInRefused):
    sentence = "The name or the password is wrong."


class WrongCode(WrongCredentials):
    sentence, field = "This code is wrong, or has been used already.", "code"


class SignInOver(SignInRefused):
    """The second factor came too late, or too many wrong ones came before it."""

    sentence = "That took too long, or there were too many wrong codes. Sign in again."


class TooManyAttempts(SignInRefused):
    """Throttled; try again after `retry_after` seconds."""

    sentence = "Too many wrong passwords."

    def __init__(self, retry_after: int, *, unheard_seconds: float = 0):
        minutes = -(-retry_after // 60)
        self.unheard_seconds = unheard_seconds
        super().__init__(f"{self.sentence} Try again in {minutes} minute{'s' if minutes != 1 else ''}.")
        self.retry_after = retry_after


class TooManyCodes(TooManyAttempts):
    """The same where a code was asked for: wrong passwords and wrong codes are counted together."""

    sentence = "Too many wrong passwords or codes."


class Busy(SignInRefused):
    """More sign-ins wait than can be checked in time; try again after `retry_after` seconds."""

    sentence = "Very many people are signing in just now. Try again in a few seconds."
    retry_after = 3

    def __init__(self, *, unheard_seconds: float = 0):
        super().__init__()
        self.unheard_seconds = unheard_seconds


class PasskeyRefused(SignInRefused):
    """One answer for every reason: unknown, tampered with, late, sent before, of an account that may not sign in."""

    sentence = "This passkey was not accepted. Try once more, or sign in another way."


class LinkUsed(AccountError):
    sentence = "This link has been used, or its time is over."
