"""Nothing: the guards that stood here are declared in ``timebank.registry.guards`` and put in place after every migrate."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations: list[migrations.operations.base.Operation] = []
