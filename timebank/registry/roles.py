"""Roles and duties, as the apps declare them: who may do what, who appoints whom, what nobody may hold together.

An app adds a role, or actions to a role of another app, by ``duties`` of its contract (a dotted path to ``Duties``).
The table is built once, in memory; the database keeps a copy of roles and clashes, which its own trigger reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.db import connections

from timebank.common import contract

REGION = "region"
ORGANISATION = "organisation"
OPERATOR = "operator"  # the start page's name for who runs the platform: a superuser, no role that is granted


@dataclass(frozen=True)
class RoleSpec:
    """A role: where it holds (``REGION``: there and below, or ``ORGANISATION``), and which roles may give it.

    ``order`` is its place in lists and, where a person has several roles, which one's start page comes first.
    """

    key: str
    label: Any
    scope: str = REGION
    appointed_by: tuple[str, ...] = ()
    order: int = 50


@dataclass(frozen=True)
class Duties:
    """What one app says about roles.

    ``actions``: role → what it may do. ``clashes``: pairs that one person may not hold over the same village.
    ``appoints``: role → roles it may give, beside what the roles say themselves. ``operator``: what the operator of
    the platform may do everywhere without a role. ``plain``: actions that need no second factor, because they neither
    mint nor pay nor appoint nor read personal data; every other action needs one. ``confirmed``: actions before which
    who is signed in says again who they are.
    """

    roles: Sequence[RoleSpec] = ()
    actions: Mapping[str, Iterable[str]] = field(default_factory=dict)
    clashes: Sequence[tuple[str, str]] = ()
    appoints: Mapping[str, Iterable[str]] = field(default_factory=dict)
    operator: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    confirmed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StartPage:
    """Where a role's work begins after signing in."""

    role: str
    url_name: str


@dataclass(frozen=True)
class DutyTable:
    """What all apps declare, as one."""

    roles: Mapping[str, RoleSpec]
    app_of: Mapping[str, str]
    allowed: Mapping[str, frozenset[str]]
    appoints: Mapping[str, frozenset[str]]
    clashes: frozenset[frozenset[str]]
    operator: frozenset[str]
    actions: frozenset[str]
    plain: frozenset[str]
    confirmed: frozenset[str]

    def needs_factor(self, role: str) -> bool:
        """Say whether who holds this role signs in with a second factor: it allows something that is not plain."""
        return bool(self.allowed.get(role, frozenset()) - self.plain)


def build(declarations: Iterable[tuple[str, Duties]]) -> DutyTable:
    """Join what apps declare; ``ValueError`` for a role claimed twice or a name that nobody declares."""
    roles: dict[str, RoleSpec] = {}
    app_of: dict[str, str] = {}
    allowed: dict[str, set[str]] = {}
    appoints: dict[str, set[str]] = {}
    clashes: set[frozenset[str]] = set()
    operator: set[str] = set()
    plain: set[str] = set()
    confirmed: set[str] = set()
    for app, duties in declarations:
        for spec in duties.roles:
            if spec.key in roles:
                raise ValueError(f"role {spec.key!r} is declared by {app_of[spec.key]!r} and by {app!r}")
            roles[spec.key], app_of[spec.key] = spec, app
            for by in spec.appointed_by:
                appoints.setdefault(by, set()).add(spec.key)
        for role, actions in duties.actions.items():
            allowed.setdefault(role, set()).update(actions)
        for role, below in duties.appoints.items():
            appoints.setdefault(role, set()).update(below)
        clashes |= {frozenset(pair) for pair in duties.clashes}
        operator |= duties.operator
        plain |= duties.plain
        confirmed |= duties.confirmed
    named = {
        *allowed,
        *appoints,
        *(role for below in appoints.values() for role in below),
        *frozenset().union(*clashes),
    }
    if unknown := sorted(named - roles.keys()):
        raise ValueError(f"no app declares the roles {unknown}")
    ordered = dict(sorted(roles.items(), key=lambda item: (item[1].order, item[0])))
    return DutyTable(
        ordered,
        app_of,
        {role: frozenset(allowed.get(role, ())) for role in ordered},
        {role: frozenset(appoints.get(role, ())) for role in ordered},
        frozenset(clashes),
        frozenset(operator),
        frozenset(operator.union(*allowed.values())),
        frozenset(plain),
        frozenset(confirmed),
    )


@lru_cache(maxsize=1)
def table() -> DutyTable:
    """Return what all installed apps declare."""
    return build((declaration.app, declaration.value) for declaration in contract.declared("duties"))


def specs() -> list[RoleSpec]:
    """List all roles in their order."""
    return list(table().roles.values())


def is_role(key: str) -> bool:
    """Say whether some app declares this role."""
    return key in table().roles


def label_of(key: str) -> str:
    """Return a role's name on screen; the key itself for one whose app is gone."""
    spec = table().roles.get(key)
    return str(spec.label) if spec is not None else key


def is_by_organisation(key: str) -> bool:
    """Say whether a role holds at an organisation instead of in a region."""
    spec = table().roles.get(key)
    return spec is not None and spec.scope == ORGANISATION


def clash(role: str, other: str) -> bool:
    """Say whether one person may not hold both roles over the same village."""
    return frozenset((role, other)) in table().clashes


def sync(using: str = "default") -> None:
    """Write the declared roles and clashes where the database's trigger reads them; only what differs is touched."""
    from timebank.registry.models import Role, RoleClash

    wanted = {key: (app, table().roles[key].scope) for key, app in table().app_of.items()}
    rows = {row.key: (row.app, row.scope) for row in Role.objects.using(using)}
    Role.objects.using(using).filter(pk__in=rows.keys() - wanted.keys()).delete()
    for key, (app, scope) in wanted.items():
        if rows.get(key) != (app, scope):
            Role.objects.using(using).update_or_create(key=key, defaults={"app": app, "scope": scope})
    pairs = {tuple(sorted(pair)) for pair in table().clashes}
    pairs |= {(b, a) for a, b in pairs}  # both ways round, so that the trigger asks once
    clashes = set(RoleClash.objects.using(using).values_list("role", "other"))
    for role, other in clashes - pairs:
        RoleClash.objects.using(using).filter(role=role, other=other).delete()
    RoleClash.objects.using(using).bulk_create(RoleClash(role=a, other=b) for a, b in sorted(pairs - clashes))


def after_migrate(sender: Any, using: str = "default", **kwargs: Any) -> None:
    """Keep the database's copy after every migration (and after a test emptied the tables).

    ``migrate`` may be asked for another app alone, before these tables are made.
    """
    from timebank.registry.models import RoleClash

    connection = connections[using]
    with connection.cursor() as cursor:
        made = RoleClash._meta.db_table in connection.introspection.table_names(cursor)
    if made:
        sync(using)


def start_page(keys: Iterable[str]) -> str:
    """Return the URL name at which the first of these roles begins; "" when none has a page."""
    pages = {page.role: page.url_name for page in contract.items("start_pages")}
    order = {key: number for number, key in enumerate([OPERATOR, *table().roles])}
    return next((pages[key] for key in sorted(keys, key=lambda key: order.get(key, 999)) if key in pages), "")
