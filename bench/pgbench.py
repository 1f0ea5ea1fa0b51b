"""The yardstick: the least SQL that moves an amount between two guarded accounts, driven by pgbench in C.

Five statements (one transfer, two entries, two guarded balances) and a commit, prepared; bigint keys, no foreign key,
no second index, no idempotency, no lots, no seal.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from bench.server import CouldNotRunError
from tests.support import postgres

SCHEMA = """
CREATE TABLE lim_account (id bigint PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 60);
CREATE TABLE lim_transfer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
CREATE TABLE lim_entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, transfer_id bigint NOT NULL,
    account_id bigint NOT NULL, amount bigint NOT NULL);
INSERT INTO lim_account SELECT n, 1000000000000 FROM generate_series(1, {accounts}) n;
"""

# "hot": everybody pays account 1, whose row is taken last; "spread": two accounts of many.
PICK = {
    "hot": "\\set a random(2, {accounts})\n\\set b 1\n",
    "spread": "\\set a random(1, {accounts})\n\\set b 1 + (:a + random(0, {accounts} - 2)) % {accounts}\n",
}
SCRIPT = """BEGIN;
INSERT INTO lim_transfer DEFAULT VALUES RETURNING id \\gset
INSERT INTO lim_entry (transfer_id, account_id, amount) VALUES (:id, :a, -700);
INSERT INTO lim_entry (transfer_id, account_id, amount) VALUES (:id, :b, 700);
UPDATE lim_account SET balance = balance - 700 WHERE id = :a AND balance >= 700;
UPDATE lim_account SET balance = balance + 700 WHERE id = :b AND balance >= -700;
COMMIT;
"""


class Pgbench:
    """pgbench on one database, with the tables of the yardstick beside the ledger's."""

    def __init__(self, server: postgres.Server, name: str, accounts: int, folder: Path) -> None:
        beside = Path(server.bin) / "pgbench"
        found = str(beside) if beside.exists() else shutil.which("pgbench")
        if found is None:
            raise CouldNotRunError(
                "pgbench is not on this machine (Debian: postgresql-contrib); nothing stands in for it"
            )
        self.program, self.server, self.name, self.folder = found, server, name, folder
        with server.connect(name) as connection:
            connection.execute(SCHEMA.format(accounts=accounts).encode())
        for case, pick in PICK.items():
            (folder / f"{case}.sql").write_text(pick.format(accounts=accounts) + SCRIPT)

    def rate(self, case: str, clients: int, seconds: float) -> float:
        """Return transfers per second, connecting not counted."""
        command = [self.program, "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2))]
        command += ["-T", str(max(1, round(seconds))), "-f", str(self.folder / f"{case}.sql"), "-h", self.server.host]
        command += ["-U", self.server.user, self.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
        said = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
        if done.returncode or said is None:
            raise RuntimeError(f"pgbench ended with {done.returncode}: {done.stderr[-2000:]}")
        return float(said[1])
