from __future__ import annotations

from django.db import models


class Hive(models.Model):
    """What a sweep counted or an event told; never changed."""

    name = models.CharField(max_length=20)

    def __str__(self) -> str:
        return self.name
