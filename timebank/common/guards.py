"""Tables that the database itself keeps as they were written, on PostgreSQL and SQLite alike.

An app declares ``Guarded`` tables (and triggers of its own) under ``append_only`` of its contract. After every
``migrate`` what is missing is put back: on SQLite a migration that remakes a table drops its triggers without a word.
A system check and ``/readyz`` name what is missing, switched off or not as it was written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from django.apps import apps
from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.models import Model, UniqueConstraint

from timebank.common import contract
from timebank.common.health import NotReady

Key = tuple[str, str]  # (table, trigger); ("function", name) for a function of PostgreSQL
CLONED = ""  # made by PostgreSQL itself from the trigger of the partitioned table


@dataclass(frozen=True)
class Guarded:
    """A table whose rows are never deleted, nor replaced, nor changed in their frozen columns; nor truncated.

    ``frozen`` None: no update at all; else the columns that no update may name, or, with ``frozen_when``, that keep
    their value while that condition over ``OLD`` holds. ``moves`` = (column, {value: values that may follow}); a value
    not named moves freely. ``unique`` None: read from the model. ``because`` is what the refusal says.
    On SQLite a guarded table takes no ``bulk_create(ignore_conflicts=True)``: look for the row first.
    """

    table: str
    frozen: tuple[str, ...] | None = None
    frozen_when: str = ""
    moves: tuple[str, Mapping[str, Sequence[str]]] | None = None
    unique: tuple[tuple[str, ...], ...] | None = None
    deletable: bool = False
    because: str = "history is append-only"

    @property
    def app(self) -> str:
        return self.table.partition("_")[0]


@dataclass(frozen=True)
class Trigger:
    """A trigger of the app's own: the whole statement, for one kind of database."""

    vendor: str
    table: str
    name: str
    sql: str


@dataclass(frozen=True)
class Function:
    """A function that PostgreSQL needs, as ``CREATE OR REPLACE FUNCTION name(…) … $$ … $$``."""

    sql: str
    vendor: ClassVar[str] = "postgresql"

    @property
    def name(self) -> str:
        return re.search(r"FUNCTION (\w+)\(", self.sql)[1]  # type: ignore[index]


Declaration = Guarded | Trigger | Function


def refuse_function(app: str) -> Function:
    """Return the function by which the triggers of one app refuse on PostgreSQL."""
    return Function(
        f"""CREATE OR REPLACE FUNCTION {app}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '{app}: % on % is refused, %', lower(TG_OP), TG_TABLE_NAME,
                coalesce(TG_ARGV[0], 'history is append-only') USING ERRCODE = 'integrity_constraint_violation';
        END $$"""
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _differ(columns: Iterable[str], differs: str) -> str:
    return " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)


def _forbidden_move(guard: Guarded) -> str:
    column, follow = guard.moves  # type: ignore[misc]
    return " OR ".join(
        f"(OLD.{column} = {_quoted(value)} AND NEW.{column} NOT IN ({', '.join(map(_quoted, [value, *after]))}))"
        for value, after in follow.items()
    )


def _updates(guard: Guarded, differs: str) -> list[tuple[str, str, str]]:
    """Name the updates that a table refuses: (suffix, columns of the UPDATE, condition)."""
    updates = []
    if guard.frozen is None:
        updates.append(("no_update", "", ""))
    elif guard.frozen:
        condition = f"({guard.frozen_when}) AND ({_differ(guard.frozen, differs)})" if guard.frozen_when else ""
        updates.append(("no_update", f" OF {', '.join(guard.frozen)}", condition))
    if guard.moves is not None:
        updates.append(("no_move", f" OF {guard.moves[0]}", _forbidden_move(guard)))
    return updates


@dataclass(frozen=True)
class _Unique:
    """A key of a table: its columns, and the condition of a partial one in terms of its columns."""

    columns: tuple[str, ...]
    condition: str = ""

    def taken(self, table: str, *, by_another: bool = False) -> str:
        """Return the SQL that says whether a row of the table has the key of the new one."""
        same = [f"{column} = NEW.{column}" for column in self.columns]
        if self.condition:
            same += [f"({self.condition})", "({})".format(re.sub(r'"(\w+)"', r"NEW.\1", self.condition))]
        if by_another:
            same.append("rowid <> OLD.rowid")
        return f"EXISTS (SELECT 1 FROM {table} WHERE {' AND '.join(same)})"  # noqa: S608


def _unique(guard: Guarded, alias: str) -> list[_Unique]:
    if guard.unique is not None:
        return [_Unique(columns) for columns in guard.unique]
    model = next(
        (item for item in apps.get_models(include_auto_created=True) if item._meta.db_table == guard.table), None
    )
    if model is None:
        raise LookupError(f"{guard.table} has no model: name its unique columns")
    keys = [_Unique((str(item.column),)) for item in model._meta.local_concrete_fields if item.unique]
    keys += [_Unique(_columns(model, names)) for names in model._meta.unique_together]
    connection = connections[alias]
    editor = connection.SchemaEditorClass(connection, collect_sql=True)  # type: ignore[attr-defined]
    for constraint in model._meta.constraints:
        if isinstance(constraint, UniqueConstraint) and constraint.fields:
            condition = constraint._get_condition_sql(model, editor) or ""  # type: ignore[attr-defined]
            keys.append(_Unique(_columns(model, constraint.fields), condition))
    return keys


def _columns(model: type[Model], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(model._meta.get_field(name).column) for name in names)  # type: ignore[union-attr]


def _on_postgresql(guard: Guarded) -> dict[Key, str]:
    refuse = f"EXECUTE FUNCTION {guard.app}_refuse({_quoted(guard.because)})"
    made: dict[Key, str] = {}

    def add(suffix: str, text: str) -> None:
        name = f"{guard.app}_{suffix}"
        made[guard.table, name] = f"CREATE TRIGGER {name} BEFORE {text} {refuse}"

    for suffix, columns, condition in _updates(guard, "IS DISTINCT FROM"):
        when = f" WHEN ({condition})" if condition else ""
        add(suffix, f"UPDATE{columns} ON {guard.table} FOR EACH ROW{when}")
    if not guard.deletable:
        add("no_delete", f"DELETE ON {guard.table} FOR EACH ROW")
    add("no_truncate", f"TRUNCATE ON {guard.table} FOR EACH STATEMENT")
    return made


def _on_sqlite(guard: Guarded, alias: str) -> dict[Key, str]:
    made: dict[Key, str] = {}

    def add(suffix: str, event: str, what: str, condition: str = "") -> None:
        name = f"{guard.table}_{suffix}"
        when = f" WHEN {condition}" if condition else ""
        said = _quoted(f"{guard.app}: {what} on {guard.table} is refused, {guard.because}")
        made[guard.table, name] = (
            f"CREATE TRIGGER {name} BEFORE {event} ON {guard.table} FOR EACH ROW{when} "
            f"BEGIN SELECT RAISE(ABORT, {said}); END"
        )

    for suffix, columns, condition in _updates(guard, "IS NOT"):
        add(suffix, f"UPDATE{columns}", "update", condition)
    if not guard.deletable:
        add("no_delete", "DELETE", "delete")
    # REPLACE deletes without firing the delete trigger, so a second row with the same key is refused before that.
    keys = _unique(guard, alias)
    add("no_replace", "INSERT", "replace", " OR ".join(key.taken(guard.table) for key in keys))
    if guard.frozen is not None:  # and UPDATE OR REPLACE deletes another row in the same way
        kept = set() if guard.frozen_when else set(guard.frozen)
        loose = [key for key in keys if key.condition or not kept.issuperset(key.columns)]
        if loose:
            taken = " OR ".join(key.taken(guard.table, by_another=True) for key in loose)
            add("no_replace_by_update", "UPDATE", "replace", taken)
    return made


def _tables(alias: str) -> set[str]:
    connection = connections[alias]
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def _mark(sql: str) -> str:
    """Return what is written beside a trigger on PostgreSQL, so that one made otherwise is told from ours."""
    return "guard " + hashlib.sha256(" ".join(sql.split()).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class GuardSet:
    """Some declarations, and what the database has of them."""

    declared: Callable[[], Sequence[Declaration]]
    tables: Callable[[str], set[str]] = field(default=_tables)

    def guarded(self) -> list[Guarded]:
        """Return the guarded tables."""
        return [item for item in self.declared() if isinstance(item, Guarded)]

    def names(self) -> set[str]:
        """Return every table that has a guard or a trigger of ours."""
        return {item.table for item in self.declared() if not isinstance(item, Function)}

    def wanted(self, alias: str = "default") -> dict[Key, str]:
        """Return the statement of every trigger that should stand, in tables that exist."""
        vendor = connections[alias].vendor
        tables = self.tables(alias)
        made: dict[Key, str] = {}
        for item in self.declared():
            if isinstance(item, Function) or item.table not in tables:
                continue
            if isinstance(item, Guarded):
                made |= _on_postgresql(item) if vendor == "postgresql" else _on_sqlite(item, alias)
            elif item.vendor == vendor:
                made[item.table, item.name] = item.sql
        for table, partition in self._partitions(alias):
            for (where, name), sql in list(made.items()):
                if where == table:  # row triggers are cloned to partitions, those of statements are not
                    cloned = "FOR EACH ROW" in sql
                    made[partition, name] = CLONED if cloned else sql.replace(f" ON {table} ", f" ON {partition} ")
        return made

    def _partitions(self, alias: str) -> list[tuple[str, str]]:
        if connections[alias].vendor != "postgresql":
            return []
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT p.relname, c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                "JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY(%s) ORDER BY c.oid",
                [sorted(self.names())],
            )
            return [(str(table), str(partition)) for table, partition in cursor.fetchall()]

    def functions(self) -> dict[str, str]:
        """Return the statement of every function that PostgreSQL needs."""
        made = [item for item in self.declared() if isinstance(item, Function)]
        made += [refuse_function(app) for app in sorted({guard.app for guard in self.guarded()})]
        return {item.name: item.sql for item in made}

    def _standing(self, alias: str) -> dict[Key, str]:
        """Read which triggers stand and are armed, with their mark or their statement."""
        names = sorted(self.names())
        with connections[alias].cursor() as cursor:
            if connections[alias].vendor == "postgresql":
                names += [partition for _table, partition in self._partitions(alias)]
                # 'A': fires for every role and also under session_replication_role = replica
                cursor.execute(
                    "SELECT c.relname, t.tgname, coalesce(d.description, '') FROM pg_trigger t "
                    "JOIN pg_class c ON c.oid = t.tgrelid "
                    "LEFT JOIN pg_description d ON d.objoid = t.oid AND d.classoid = 'pg_trigger'::regclass "
                    "WHERE c.relname = ANY(%s) AND NOT t.tgisinternal AND t.tgenabled = 'A'",
                    [names],
                )
            else:
                places = ", ".join(["%s"] * len(names)) or "NULL"
                cursor.execute(
                    f"SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ({places})",  # noqa: S608
                    names,
                )
            return {(str(table), str(name)): str(made) for table, name, made in cursor.fetchall()}

    def _bodies(self, alias: str) -> set[str]:
        """Read which functions stand as they were written: one that was emptied guards nothing."""
        wanted = self.functions()
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT proname, prosrc FROM pg_proc WHERE proname = ANY(%s)", [sorted(wanted)])
            bodies = dict(cursor.fetchall())
        return {name for name, text in wanted.items() if bodies.get(name) == text.split("$$")[1]}

    def present(self, alias: str = "default") -> set[Key]:
        """Read which triggers stand and are armed: (table, trigger)."""
        return set(self._standing(alias))

    def missing(self, alias: str = "default") -> list[Key]:
        """List what should stand and does not, or not as it was written."""
        postgresql = connections[alias].vendor == "postgresql"
        standing = self._standing(alias)
        wanted = self.wanted(alias)
        gone = {key for key, sql in wanted.items() if not _fits(standing.get(key), sql, postgresql)}
        if postgresql and wanted:
            gone |= {("function", name) for name in set(self.functions()) - self._bodies(alias)}
        return sorted(gone)

    def install(self, alias: str = "default") -> int:
        """Put back what is missing; return how many triggers that were."""
        connection = connections[alias]
        postgresql = connection.vendor == "postgresql"
        wanted = self.wanted(alias)
        standing = self._standing(alias)
        added = 0
        with connection.cursor() as cursor:
            if postgresql and wanted:
                for statement in self.functions().values():
                    cursor.execute(statement)
            for (table, name), sql in wanted.items():
                if _fits(standing.get((table, name)), sql, postgresql):
                    continue
                if not postgresql:
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
                    cursor.execute(sql)
                else:
                    if sql != CLONED:
                        cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
                        cursor.execute(sql)
                        cursor.execute(f"COMMENT ON TRIGGER {name} ON {table} IS '{_mark(sql)}'")
                    cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
                added += 1
        return added

    def stand_aside(self, alias: str = "default", apps: Iterable[str] | None = None) -> None:
        """Take away, before a migration, the triggers that would be in its way; ``install`` puts them back after it.

        SQLite can't remake a table that the trigger of another names, PostgreSQL can't alter a column that a trigger
        names. ``apps``: whose tables change, if known. Where the migration breaks off the check names what is missing.
        """
        postgresql = connections[alias].vendor == "postgresql"
        changing = None if apps is None else tuple(f"{app}_" for app in apps)
        tables = self.tables(alias)
        standing = self._standing(alias)
        with connections[alias].cursor() as cursor:
            for (table, name), sql in self.wanted(alias).items():
                if (table, name) not in standing:
                    continue
                if not postgresql:
                    if (tables - {table}) & set(re.findall(r"\w+", standing[table, name])):
                        cursor.execute(f"DROP TRIGGER {name}")
                elif re.search(r" OF | WHEN \(", sql) and (changing is None or table.startswith(changing)):
                    cursor.execute(f"DROP TRIGGER {name} ON {table}")

    def remove(self, alias: str = "default", tables: Iterable[str] | None = None) -> None:
        """Take the triggers away. Only tests of what they guard against may call this."""
        chosen = None if tables is None else set(tables)
        cloned = {key for key, sql in self.wanted(alias).items() if sql == CLONED}
        with connections[alias].cursor() as cursor:
            for table, name in sorted(self.present(alias) - cloned):
                if chosen is None or table in chosen:
                    on = f" ON {table}" if connections[alias].vendor == "postgresql" else ""
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def _fits(standing: str | None, sql: str, postgresql: bool) -> bool:
    if standing is None:
        return False
    return sql == CLONED or standing == (_mark(sql) if postgresql else sql)


#: What all apps declare.
ALL = GuardSet(lambda: contract.items("append_only"))


# -- When --------------------------------------------------------------------------------------------------------------
def before_migrate(sender: Any, using: str = "default", plan: Sequence[Any] | None = None, **kwargs: Any) -> None:
    """Let a migration change what triggers name; ``after_migrate`` follows it."""
    if plan is None:
        ALL.stand_aside(using)
    elif plan:
        ALL.stand_aside(using, {migration.app_label for migration, _backwards in plan})


def after_migrate(sender: Any, using: str = "default", **kwargs: Any) -> None:
    """Put every trigger in place after every migration, whichever app it was for."""
    ALL.install(using)


def check_ready() -> str:
    """Refuse, for ``/readyz``, while history could be changed."""
    if gone := ALL.missing():
        raise NotReady(f"{len(gone)} triggers that protect history are missing")
    return "in place"


def check(app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Fail when a trigger that protects history is missing."""
    return [
        Error(
            f"{name} ({table}) is missing or not as it was written: history could be changed.",
            hint="Run manage.py migrate, which installs it again.",
            id="common.E001",
        )
        for alias in databases or []
        for table, name in ALL.missing(alias)
    ]
