"""Functions that PostgreSQL runs, so that the commonest transfers cost one round trip.

``ledger_pay`` and ``ledger_pay_legs``: one wallet pays accounts that keep no balance (a redemption). ``ledger_earn``:
wallets without debt are credited by such accounts, many at once (the close of a month). None knows a rule that ``plan``
does not: what is out of the ordinary (too little, a closed account, a key that was used before, a debt to repay, a
gift) they leave alone, return NULL and have written nothing; then ``plan`` decides, and it alone refuses. Tests run the
same random histories both ways and compare every row.

Locking and reading are statements of their own: each takes a new snapshot, so what is read is as new as the lock.

A function whose parameters change gets a new name: until the last process of the version before has gone, both are
called.
"""

from __future__ import annotations

LOST_LOCK = "23L01"  # of the class of integrity violations: a wallet changed although it was locked, a defect
_LOST = f"RAISE EXCEPTION 'ledger: a wallet changed although it was locked' USING ERRCODE = '{LOST_LOCK}';"

# One line of the postings that are hashed, see ``canon``. to_json escapes a string exactly as RFC 8785 does.
_DAY = "to_char({}, 'YYYY-MM-DD')"

_HEAD = """ledger_transfer (id, uuid, key, request_hash, content_hash, unit, kind, posted_at, effective_on, reason,
            memo, actor, on_behalf_of, source, rule)"""
_PAID = """ledger_posting (transfer_id, leg, unit, debit_id, credit_id, amount, debit_version, debit_balance,
            debit_expires_on, debit_restriction)"""
_PAID_ROW = """p_before, plan.id, p_between, p_row, wallet.version + 1, ',',
                wallet.balance - p_amount, ',null,null,"', plan.written, '",null,', to_json(plan.earmark),
                ',null,null]', p_after"""
_HASH = r"sha256('\x00'::bytea || convert_to(concat({}), 'UTF8'))"

_SHARED = """p_unit smallint, p_uuid uuid, p_key text, p_request bytea, p_kind text, p_posted timestamptz,
    p_effective date, p_reason text, p_memo text, p_actor text, p_behalf text, p_source text, p_rule text,
    p_today date, p_allow text[], p_before text, p_between text, p_after text"""
_SHARED_NAMES = """p_unit, p_uuid, p_key, p_request, p_kind, p_posted, p_effective, p_reason, p_memo, p_actor, p_behalf,
        p_source, p_rule, p_today, p_allow, p_before, p_between, p_after"""
_HEAD_VALUES = """p_unit, p_kind, p_posted, p_effective, p_reason, p_memo, p_actor, p_behalf, p_source, p_rule"""
_SPENDABLE = """l.remaining > 0 AND l.expires_on >= p_today AND (l.restriction = '' OR l.restriction = ANY(p_allow))"""
_IN_ORDER = """l.expires_on, l.restriction = '', l.restriction COLLATE "C\""""

# By far the commonest: one account is paid, out of one lot. As few statements and variables as can be, for PL/pgSQL
# makes each of them anew in every transaction. ``p_row`` is the line of the posting that is hashed, up to the version.
# Answers "number day earmark"; "0" when the payer is no wallet, "0 key" when a payee is one: neither will ever change.
PAY = f"""CREATE OR REPLACE FUNCTION ledger_pay(p_payer text, p_payee text, p_amount bigint, p_row text,
    {_SHARED}) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wallet record;
    plan record;
BEGIN
    SELECT a.id, a.balance, a.version, a.floor, a.status INTO wallet FROM ledger_account a
        WHERE a.key = p_payer AND a.guarded AND a.unit = p_unit FOR NO KEY UPDATE;
    SELECT nextval('ledger_transfer_id_seq') AS id, p.id AS payee, l.id AS lot, l.expires_on AS day,
            {_DAY.format("l.expires_on")} AS written, l.restriction AS earmark, l.remaining
        INTO plan FROM ledger_account p, LATERAL (
            SELECT l.id, l.expires_on, l.restriction, l.remaining FROM ledger_lot l
            WHERE l.account_id = wallet.id AND {_SPENDABLE} ORDER BY {_IN_ORDER} LIMIT 1) l
        WHERE p.key = p_payee AND NOT p.guarded AND p.unit = p_unit AND p.status = 'open'
            AND l.remaining >= p_amount AND wallet.balance - p_amount >= wallet.floor AND wallet.status = 'open'
            AND NOT EXISTS (SELECT FROM ledger_transfer t WHERE t.uuid = p_uuid);
    IF NOT FOUND THEN
        RETURN ledger_pay_legs(p_payer, ARRAY[p_payee], ARRAY[p_amount], {_SHARED_NAMES});
    END IF;
    WITH head AS (
        INSERT INTO {_HEAD}
            VALUES (plan.id, p_uuid, p_key, p_request, {_HASH.format(_PAID_ROW)}, {_HEAD_VALUES})
    ), queue AS (
        INSERT INTO ledger_unsealed (transfer_id) VALUES (plan.id)
    ), posting AS (
        INSERT INTO {_PAID}
            VALUES (plan.id, 0, p_unit, wallet.id, plan.payee, p_amount, wallet.version + 1, wallet.balance - p_amount,
                plan.day, plan.earmark)
    ), eaten AS (
        UPDATE ledger_lot l SET remaining = l.remaining - p_amount
            WHERE l.id = plan.lot AND l.remaining = plan.remaining
    )
    UPDATE ledger_account a SET balance = wallet.balance - p_amount, version = a.version + 1
        WHERE a.id = wallet.id AND a.version = wallet.version;
    IF NOT FOUND THEN
        {_LOST}
    END IF;
    RETURN concat(plan.id, ' ', plan.written, plan.earmark);
END $$"""

# One wallet pays any number of accounts out of any number of lots. Answers "number [[a line of a posting], …]".
PAY_LEGS = f"""CREATE OR REPLACE FUNCTION ledger_pay_legs(p_payer text, p_payees text[], p_amounts bigint[],
    {_SHARED}) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wallet record;
    lot record;
    made bigint;
    lines text;
    payee bigint;
    name text;
    leg integer := 1;
    need bigint := p_amounts[1];
    part bigint;
    rest bigint;
    payees bigint[];
    legs smallint[];
    parts bigint[];
    lots bigint[];
    had bigint[];
    days date[];
    earmarks text[];
BEGIN
    SELECT a.id, a.balance, a.version, a.floor, a.status INTO wallet FROM ledger_account a
        WHERE a.key = p_payer AND a.guarded AND a.unit = p_unit FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN (SELECT '0' FROM ledger_account a WHERE a.key = p_payer AND NOT a.guarded);
    END IF;
    IF wallet.status <> 'open' OR EXISTS (SELECT FROM ledger_transfer t WHERE t.uuid = p_uuid) THEN
        RETURN NULL;
    END IF;
    FOREACH name IN ARRAY p_payees LOOP
        SELECT a.id INTO payee FROM ledger_account a
            WHERE a.key = name AND NOT a.guarded AND a.unit = p_unit AND a.status = 'open';
        IF payee IS NULL THEN
            RETURN (SELECT '0 ' || a.key FROM ledger_account a WHERE a.key = name AND a.guarded);
        END IF;
        payees := payees || payee;
    END LOOP;
    rest := wallet.balance;
    FOR lot IN SELECT l.id, l.expires_on, l.restriction, l.remaining FROM ledger_lot l
        WHERE l.account_id = wallet.id AND {_SPENDABLE} ORDER BY {_IN_ORDER}
    LOOP
        LOOP
            part := least(lot.remaining, need);
            rest := rest - part;
            legs := legs || (leg - 1)::smallint;
            parts := parts || part;
            lots := lots || lot.id;
            had := had || lot.remaining;
            days := days || lot.expires_on;
            earmarks := earmarks || lot.restriction::text;
            lines := concat(lines || ',', '[', leg - 1, ',', to_json(p_payer), ',', to_json(p_payees[leg]), ',', part,
                ',', wallet.version + cardinality(parts), ',', rest, ',null,null,"', {_DAY.format("lot.expires_on")},
                '",null,', to_json(lot.restriction), ',null,null]');
            need := need - part;
            lot.remaining := lot.remaining - part;
            IF need = 0 THEN
                leg := leg + 1;
                need := p_amounts[leg];
            END IF;
            EXIT WHEN need IS NULL OR lot.remaining = 0;
        END LOOP;
        EXIT WHEN need IS NULL;
    END LOOP;
    IF need IS NOT NULL OR rest < wallet.floor THEN
        RETURN NULL;
    END IF;

    made := nextval('ledger_transfer_id_seq');
    INSERT INTO {_HEAD}
        VALUES (made, p_uuid, p_key, p_request, {_HASH.format("p_before, made, p_between, lines, p_after")},
            {_HEAD_VALUES});
    INSERT INTO ledger_unsealed (transfer_id) VALUES (made);
    INSERT INTO {_PAID}
        SELECT made, u.leg, p_unit, wallet.id, payees[u.leg + 1], u.part, wallet.version + u.place,
            wallet.balance - sum(u.part) OVER (ORDER BY u.place), u.day, u.earmark
        FROM unnest(legs, parts, days, earmarks) WITH ORDINALITY AS u(leg, part, day, earmark, place)
        ORDER BY u.place;
    WITH eaten AS (
        UPDATE ledger_lot l SET remaining = l.remaining - u.part
        FROM (SELECT x.lot, sum(x.part) AS part, max(x.had) AS had
            FROM unnest(lots, parts, had) AS x(lot, part, had) GROUP BY x.lot) u
        WHERE l.id = u.lot AND l.remaining = u.had)
    UPDATE ledger_account a SET balance = rest, version = a.version + cardinality(parts)
        WHERE a.id = wallet.id AND a.version = wallet.version;
    IF NOT FOUND THEN
        {_LOST}
    END IF;
    RETURN concat(made, ' [', lines, ']');
END $$"""

_CREDIT = """u.before, u.id, u.between_, versions[u.to_] + u.nth, ',', balances[u.to_] + u.upto, u.after"""

EARN = f"""CREATE OR REPLACE FUNCTION ledger_earn(
    p_unit smallint, p_kind text, p_posted timestamptz,
    p_issuers text[], p_wallets text[], p_totals bigint[], p_counts bigint[],
    p_lot_wallets bigint[], p_lot_days date[], p_lot_earmarks text[], p_lot_totals bigint[],
    p_from bigint[], p_to bigint[], p_nth bigint[], p_upto bigint[], p_amounts bigint[], p_days date[],
    p_earmarks text[], p_uuids uuid[], p_keys text[], p_requests bytea[], p_effective date[], p_reasons text[],
    p_memos text[], p_actors text[], p_behalves text[], p_sources text[], p_rules text[], p_before text[],
    p_between text[], p_after text[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    issuers bigint[];
    wallets bigint[];
    balances bigint[];
    versions bigint[];
    made bigint[];
    moved bigint;
BEGIN
    SELECT array_agg(x.id ORDER BY x.place), array_agg(x.balance ORDER BY x.place),
            array_agg(x.version ORDER BY x.place)
        INTO wallets, balances, versions
        FROM (SELECT a.id, a.balance, a.version, u.place FROM unnest(p_wallets) WITH ORDINALITY AS u(key, place)
            JOIN ledger_account a ON a.key = u.key
            WHERE a.guarded AND a.unit = p_unit AND a.status = 'open' AND a.debt = 0
            ORDER BY a.id FOR NO KEY UPDATE OF a) x;
    SELECT array_agg(a.id ORDER BY u.place) INTO issuers
        FROM unnest(p_issuers) WITH ORDINALITY AS u(key, place) JOIN ledger_account a ON a.key = u.key
        WHERE NOT a.guarded AND a.unit = p_unit AND a.status = 'open';
    IF cardinality(wallets) IS DISTINCT FROM cardinality(p_wallets)
            OR cardinality(issuers) IS DISTINCT FROM cardinality(p_issuers) THEN
        RETURN NULL;
    END IF;
    -- Places in p_wallets and p_issuers stand for their keys; p_nth and p_upto count and sum what a wallet was
    -- credited within this batch, so that nothing has to be sorted or looked up again. The arrays are laid side by
    -- side in SELECT, for in FROM each of them would be stored once more before the first row is seen.
    made := ARRAY(SELECT nextval('ledger_transfer_id_seq') FROM generate_series(1, cardinality(p_keys)));
    WITH head AS (
        INSERT INTO {_HEAD}
            SELECT u.id, u.uuid, u.key, u.request, {_HASH.format(_CREDIT)},
                p_unit, p_kind, p_posted, u.effective, u.reason, u.memo, u.actor, u.behalf, u.source, u.rule
            FROM (SELECT unnest(made) AS id, unnest(p_to) AS to_, unnest(p_nth) AS nth, unnest(p_upto) AS upto,
                unnest(p_uuids) AS uuid, unnest(p_keys) AS key, unnest(p_requests) AS request,
                unnest(p_effective) AS effective, unnest(p_reasons) AS reason, unnest(p_memos) AS memo,
                unnest(p_actors) AS actor, unnest(p_behalves) AS behalf, unnest(p_sources) AS source,
                unnest(p_rules) AS rule, unnest(p_before) AS before, unnest(p_between) AS between_,
                unnest(p_after) AS after) u
    ), queue AS (
        INSERT INTO ledger_unsealed (transfer_id) SELECT unnest(made)
    ), posting AS (
        INSERT INTO ledger_posting (transfer_id, leg, unit, debit_id, credit_id, amount, credit_version, credit_balance,
                credit_expires_on, credit_restriction)
            SELECT u.id, 0, p_unit, issuers[u.from_], wallets[u.to_], u.amount, versions[u.to_] + u.nth,
                balances[u.to_] + u.upto, u.day, u.earmark
            FROM (SELECT unnest(made) AS id, unnest(p_from) AS from_, unnest(p_to) AS to_, unnest(p_nth) AS nth,
                unnest(p_upto) AS upto, unnest(p_amounts) AS amount, unnest(p_days) AS day,
                unnest(p_earmarks) AS earmark) u
    ), lot AS (
        INSERT INTO ledger_lot (account_id, expires_on, restriction, remaining)
            SELECT wallets[u.wallet], u.day, u.earmark, u.total
            FROM unnest(p_lot_wallets, p_lot_days, p_lot_earmarks, p_lot_totals) AS u(wallet, day, earmark, total)
            ON CONFLICT (account_id, expires_on, restriction)
            DO UPDATE SET remaining = ledger_lot.remaining + excluded.remaining
    ), wallet AS (
        UPDATE ledger_account a SET balance = a.balance + u.total, version = a.version + u.count
            FROM unnest(wallets, versions, p_totals, p_counts) AS u(id, version, total, count)
            WHERE a.id = u.id AND a.version = u.version
            RETURNING 1
    )
    SELECT count(*) INTO moved FROM wallet;
    IF moved <> cardinality(wallets) THEN
        {_LOST}
    END IF;
    RETURN made;
EXCEPTION WHEN unique_violation THEN  -- one of the keys was used before
    RETURN NULL;
END $$"""

FUNCTIONS = (PAY, PAY_LEGS, EARN)
