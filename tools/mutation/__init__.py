"""Change the ledger's code one small piece at a time and see whether a test notices; writes docs/mutation.md.

    python -m tools.mutation [--minutes 60] [--only services/holds.py …] [--fresh] [--report]

mutmut makes the mutants of a copy of the tree in ``var/mutation`` and runs, for each, the tests that reach the changed
function, fastest first, until one fails. First on SQLite; what lives there is tried again on PostgreSQL, because some
code is for one database only. A run that is stopped, or out of minutes, goes on where it was, and so does one in a new
checkout: ``results.json``. ``words.toml`` has a word for every survivor; one without fails the command.
"""
