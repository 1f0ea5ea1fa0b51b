"""Do to the ledger what an administrator with a database prompt could."""

from __future__ import annotations

from io import StringIO

from django.core.management import call_command
from django.db import connection

from timebank.ledger import guards
from timebank.ledger.models import Posting


def tamper(*statements):
    """Do as an administrator with a database prompt could: triggers off, change, triggers on."""
    off()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            assert cursor.rowcount != 0, f"nothing was changed: {statement}"
    on()


def off(**only):
    connection.check_constraints()  # what is still to be checked at commit keeps PostgreSQL from changing triggers
    guards.remove(**only)


def on():
    connection.check_constraints()
    guards.install()


def command(*args):
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_ledger", *args, stdout=out, stderr=err)
    except SystemExit as stop:
        return stop.code, out.getvalue() + err.getvalue()
    return 0, out.getvalue() + err.getvalue()


def ids(model=Posting, **chosen):
    return list(model.objects.filter(**chosen).order_by("pk").values_list("pk", flat=True))
