"""Draw what a deployment must keep secret into a folder, one file each; a file that is there stays as it is.

python3 tools/make_secrets.py [folder]     (var/secrets without a word). Needs nothing but Python.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path


def write(folder: Path, name: str, text: str) -> str:
    """Write a secret that only its owner may read, once; return what stands there."""
    file = folder / name
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as out:
            out.write(text)
        print(f"drawn: {file}")
    return file.read_text(encoding="utf-8").strip()


def main(folder: Path) -> None:
    """Draw them all. The folder is closed to others; the files are read inside the containers by other users."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    write(folder, "secret_key", secrets.token_urlsafe(60))
    write(folder, "id_number_keys", base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    write(folder, "ledger_seal_key", secrets.token_hex(32))
    write(folder, "database_admin_password", secrets.token_urlsafe(30))
    owner = write(folder, "database_owner_password", secrets.token_urlsafe(30))
    app = write(folder, "database_password", secrets.token_urlsafe(30))
    broker = write(folder, "broker_password", secrets.token_urlsafe(30))
    write(folder, "database_owner_url", f"postgresql://shanji_owner:{owner}@database/shanji")
    write(folder, "database_url", f"postgresql://shanji:{app}@database/shanji")
    write(folder, "broker_url", f"redis://:{broker}@broker:6379/0")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "var/secrets"))
