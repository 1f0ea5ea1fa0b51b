"""The points of the copies: accounts opened and transfers posted by the ledger's own services."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bench.county_tables import BY_NAME


class Points:
    """The part of the builder that has to do with the ledger."""

    cursor: Any

    def say(self, text: str) -> None:
        raise NotImplementedError

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def _accounts(self) -> None:
        """Open the accounts of the new places, suppliers and people."""
        from timebank.ledger import services
        from timebank.ledger.services.accounts import NewAccount

        self.regions = dict(self.rows("SELECT c, region FROM copy"))
        self.shifts = {
            c: (first, shift, works) for c, first, shift, works in self.rows("SELECT c, first, shift, works FROM copy")
        }
        known = {key for (key,) in self.rows("SELECT key FROM ledger_account WHERE key LIKE '%%:region:%%'")}
        wanted = [
            f"{kind}:region:{region}"
            for region in sorted(set(self.regions.values()))
            for kind in ("issuance", "expired")
        ]
        services.open_accounts(accounts=[NewAccount(key, "system") for key in wanted if key not in known])
        partners, people = BY_NAME["partner_partner"], BY_NAME["registry_resident"]
        keys = [
            NewAccount(f"redeemed:partner:{partners.base + (c - 1) * partners.count + rank}", "system")
            for c, (first, _shift, _works) in self.shifts.items()
            if c == first
            for rank in range(partners.count)
        ]
        keys += [
            NewAccount(f"wallet:resident:{pk}", "wallet", owner=f"resident:{pk}", expires_to=f"expired:region:{region}")
            for c, region in self.regions.items()
            for pk in range(people.base + (c - 1) * people.count, people.base + c * people.count)
        ]
        for some in _batched(keys, 5000):
            services.open_accounts(accounts=list(some))
        self.say(f"{len(keys):,} accounts")
        self._flows()

    def _flows(self) -> None:
        """Read what the home village's people earned and redeemed."""
        self.mints = self.rows(
            "SELECT r.old, rec.rank, sum(p.amount)::bigint, min(p.credit_expires_on), min(t.effective_on), min(t.memo),"
            " min(t.rule) FROM ledger_transfer t JOIN ledger_posting p ON p.transfer_id = t.id"
            " JOIN service_record s ON s.transfer_key = t.key AND s.state = 'credited'"
            " JOIN m_service_record rec ON rec.old = s.id JOIN m_registry_resident r ON r.old = s.resident_id"
            " WHERE t.kind = 'mint' GROUP BY 1, 2 ORDER BY 2"
        )
        self.residents = dict(self.rows("SELECT old, rank FROM m_registry_resident"))
        partners = dict(self.rows("SELECT old, rank FROM m_partner_partner"))
        redeems = self.rows(
            "SELECT x.resident_id, m.rank, a.key, sum(p.amount)::bigint, min(t.effective_on)"
            " FROM m_rewards_redemption m"
            " JOIN rewards_redemption x ON x.id = m.old JOIN ledger_transfer t ON t.id = x.transfer_id"
            " JOIN ledger_posting p ON p.transfer_id = t.id JOIN ledger_account a ON a.id = p.credit_id"
            " GROUP BY 1, 2, 3 ORDER BY 2"
        )
        left: dict[int, int] = defaultdict(int)
        for who, _rank, amount, *_rest in self.mints:
            left[who] += amount
        self.redeems: dict[int, list[Any]] = defaultdict(list)
        for who, rank, key, amount, day in redeems:
            pk = int(key.rsplit(":", 1)[1])
            if key.startswith("redeemed:partner:") and pk in partners and who in self.residents and left[who] >= amount:
                left[who] -= amount
                self.redeems[rank].append((who, partners[pk], amount, day))

    def _post(self, first: int, last: int) -> None:
        from timebank.ledger import services
        from timebank.ledger.types import Leg, TransferSpec

        people, records = BY_NAME["registry_resident"], BY_NAME["service_record"]
        partners, redemptions = BY_NAME["partner_partner"], BY_NAME["rewards_redemption"]
        specs = []
        for c in range(first, last + 1):
            start, shift, works = self.shifts[c]
            if not works:
                continue
            back = dt.timedelta(days=shift)
            region = self.regions[c]
            ids = {old: people.base + (c - 1) * people.count + rank for old, rank in self.residents.items()}
            for who, rank, amount, expires, day, memo, rule in self.mints:
                pk = records.base + (c - 1) * records.count + rank
                leg = Leg(f"issuance:region:{region}", f"wallet:resident:{ids[who]}", amount, expires_on=expires)
                specs.append(
                    TransferSpec(
                        f"mint:record:{pk}",
                        "mint",
                        (leg,),
                        effective_on=day - back,
                        memo=memo,
                        reason="service",
                        actor="system",
                        source=f"record:{pk}",
                        rule=rule,
                    )
                )
            for rank, legs in self.redeems.items():
                pk = redemptions.base + (c - 1) * redemptions.count + rank
                made = tuple(
                    Leg(
                        f"wallet:resident:{ids[who]}",
                        f"redeemed:partner:{partners.base + (start - 1) * partners.count + to}",
                        amount,
                    )
                    for who, to, amount, _day in legs
                )
                specs.append(
                    TransferSpec(
                        f"redemption:{pk}:pay",
                        "redeem",
                        made,
                        effective_on=legs[0][3] - back,
                        source=f"redemption:{pk}",
                    )
                )
        for some in _batched(specs, 4000):
            answers = services.post_many(some)
            if refused := [answer for answer in answers if answer.posted is None]:
                raise RuntimeError(f"the ledger refused: {refused[0]}")
            self.cursor.executemany(
                "INSERT INTO posted VALUES (%s, %s)",
                [
                    (int(spec.key.split(":")[1]), answer.posted.id)
                    for spec, answer in zip(some, answers, strict=True)
                    if spec.kind == "redeem"
                ],
            )


def _batched(items: list[Any], count: int) -> Iterator[list[Any]]:
    return (items[start : start + count] for start in range(0, len(items), count))
