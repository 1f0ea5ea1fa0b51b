"""How allauth keeps the second factor here: its secrets stand encrypted, under the keys of the ID numbers."""

from __future__ import annotations

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter

from timebank.registry import ids


class Adapter(DefaultMFAAdapter):  # type: ignore[misc]
    def get_totp_label(self, user: Any) -> str:
        """Name the account in the authenticator app."""
        return str(user.name)

    def encrypt(self, text: str) -> str:
        """Encrypt a secret at rest."""
        return ids.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Read a secret."""
        return ids.decrypt(encrypted_text)
