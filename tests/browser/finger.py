"""Chromium's virtual authenticator in place of a phone and the finger on it."""
from __future__ import annotations

from typing import Any

from tests.browser.person import Person

PHONE = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
         "automaticPresenceSimulation": True}


class Finger:
    """What stands at this browser in place of a phone."""

    def __init__(self, person: Person, **options: Any):
        self.session = person.context.new_cdp_session(person.page)
        self.session.send("WebAuthn.enable")
        self.id = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": {**PHONE, **options}})["authenticatorId"]

    def lift(self) -> None:
        """Nobody touches it from now on."""
        self.session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": self.id, "enabled": False})

    def lay_down(self) -> None:
        self.session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": self.id, "enabled": True})

    def is_not_recognised(self) -> None:
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": False})
