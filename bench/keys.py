"""Keys of databases that are thrown away: whoever makes one and whoever serves it must have the same."""

KEYS = {
    "SECRET_KEY": "bench-only-012345678901234567890123456789012345678",
    "ID_NUMBER_KEYS": "c2hhbmppLXRlc3Qta2V5LW5vdC1mb3ItcHJvZHVjdGk=",
}
