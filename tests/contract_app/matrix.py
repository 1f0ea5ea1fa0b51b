"""This app's rows of the permission matrix; every other row takes its role as it takes any."""

from __future__ import annotations

from tests.permissions.matrix import Row, answers

MATRIX: dict[str, Row] = {"bees:hives": answers("404", beekeeper="ok")}
