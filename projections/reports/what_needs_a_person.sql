-- What waits for a person, and how much of it?
-- One row for each kind and currency: money that waits, payments whose words can't be read, disputes whose last day for an answer is near or over, chargebacks, deposits that
-- nothing explains, refunds that came back and are owed to a customer, payments that rules of risk hold, vault customers whose charges a code stops or that several customers of abas may be or none is, values of customers that differ, orders of shops that wait, runs of subscriptions that were missed or need a card, documents and records that the ERP refused, payment requests that wait or are in doubt, documents without an account, accounts where abas shows something else than our documents, proposals that need a second person, alerts that nobody took on, parked records, records that no table shows. No row means that nobody is needed. item_count counts payments, bank lines or records.
WITH
missing AS
(
    SELECT settlement_account, currency, open_minor, source_topic, source_partition, source_offset, recorded_at,
        arrayJoin(line_ids) AS line_id
    FROM fct_deposit_events FINAL
    WHERE record_type = 'DepositMissing'
)
SELECT kind, currency, item_count, amount_minor, oldest_since
FROM
(
    SELECT
        if(waits_in = 'disputes', 'chargebacks to book', 'money waits') AS kind,
        toString(currency) AS currency,
        uniqExact(paytrace_transaction_id, posting_reference) AS item_count,
        sum(toInt128(signed_minor)) AS amount_minor,
        toDateTime64(min(waiting_since), 3, 'UTC') AS oldest_since
    FROM fct_waiting
    WHERE reason NOT IN ('POSTING_IN_PROGRESS', 'RISK_UNANSWERED', 'RISK_HELD')
    GROUP BY kind, currency
    UNION ALL
    -- A payer's money that was refused waits above. Another document counts until one of its kind for its item is posted or
    -- asked for after it.
    SELECT
        'documents refused',
        toString(currency),
        count(),
        sum(toInt128(amount_minor)),
        toDateTime64(min(recorded_at), 3, 'UTC')
    FROM rpt_documents_now AS refused
    LEFT JOIN
    (
        SELECT kind, open_item, max(recorded_at) AS last_at
        FROM rpt_documents_now
        WHERE state IN ('posted', 'waiting')
        GROUP BY kind, open_item
    ) AS others ON others.kind = refused.kind AND others.open_item = refused.open_item
    WHERE state = 'refused' AND NOT is_payer_money AND (refused.open_item = '' OR refused.recorded_at > others.last_at)
    GROUP BY currency
    UNION ALL
    SELECT
        'ledger documents waiting',
        toString(currency),
        count(),
        sum(total_minor),
        toDateTime64(min(recorded_at), 3, 'UTC')
    FROM rpt_ledger_documents_now
    WHERE state = 'waiting' AND waits_for = 'NO_ACCOUNT'
    GROUP BY currency
    UNION ALL
    SELECT
        'balances unexplained',
        currency,
        count(),
        sum(abs(unexplained_minor)),
        toDateTime64(min(shown_at), 3, 'UTC')
    FROM rpt_account_balances
    WHERE status = 'unexplained'
    GROUP BY currency
    UNION ALL
    SELECT
        'disputes to answer',
        toString(currency),
        count(),
        sum(toInt128(disputed_minor)),
        toDateTime64(min(warned_at), 3, 'UTC')
    FROM rpt_dispute_cases
    WHERE deadline IN ('near', 'passed')
    GROUP BY currency
    UNION ALL
    SELECT 'erp records refused', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
    FROM rpt_records_now
    WHERE state = 'refused'
    HAVING count() > 0
    UNION ALL
    SELECT 'payment requests wait', '', count(), 0, toDateTime64(min(since), 3, 'UTC')
    FROM
    (
        SELECT
            argMax(JSONExtractString(facts.body, 'values', 'request_status'), facts.source_offset) AS status,
            argMax(facts.recorded_at, facts.source_offset) AS since
        FROM fct_records AS facts FINAL
        WHERE record_type = 'SaveRecord' AND source_topic = 'erp.commands.v1'
            AND JSONExtractString(facts.body, 'kind') = 'payment_request'
        GROUP BY JSONExtractString(facts.body, 'natural_key')
    )
    WHERE status IN ('WAITING', 'IN_DOUBT')
    HAVING count() > 0
    UNION ALL
    SELECT
        'payments not recognized',
        toString(currency),
        count(),
        sum(toInt128(signed_minor)),
        toDateTime64(min(waiting_since), 3, 'UTC')
    FROM rpt_unrecognized_now
    GROUP BY currency
    UNION ALL
    SELECT
        'bank lines unexplained',
        toString(currency),
        count(),
        sum(abs(toInt128(deposit_minor))), -- money in does not make up for money out: each has to be explained
        toDateTime64(min(booked_on), 3, 'UTC')
    FROM rpt_bank_lines_now
    WHERE status IN ('break', 'suggested')
    GROUP BY currency
    UNION ALL
    SELECT
        'rests of deposits',
        toString(currency),
        count(),
        sum(abs(toInt128(rest_minor))),
        toDateTime64(min(booked_on), 3, 'UTC')
    FROM rpt_bank_lines_now
    WHERE rest_minor != 0
    GROUP BY currency
    UNION ALL
    -- The credit memo that a refund had paid out is open again: the customer is owed it.
    SELECT
        'refunds that came back',
        toString(any(documents.currency)),
        uniqExact(documents.paytrace_transaction_id),
        sum(least(toInt128(documents.amount_minor), -toInt128(items.open_minor))),
        toDateTime64(min(documents.recorded_at), 3, 'UTC')
    FROM rpt_documents_now AS documents
    INNER JOIN rpt_open_items_now AS items ON items.abas_open_item_id = documents.open_item
    WHERE documents.kind = 'credit_memo_refund_reversal' AND documents.state = 'posted' AND items.open_minor < 0
    GROUP BY documents.currency
    UNION ALL
    SELECT
        'deposits overdue',
        currency,
        count(),
        sum(toInt128(open_minor)),
        min(since)
    FROM
    (
        SELECT toString(any(currency)) AS currency, any(open_minor) AS open_minor,
            toDateTime64(any(recorded_at), 3, 'UTC') AS since
        FROM missing
        LEFT ANTI JOIN rpt_paid_out_lines USING (settlement_account, line_id)
        GROUP BY settlement_account, source_topic, source_partition, source_offset
    )
    GROUP BY currency
    UNION ALL
    SELECT
        'proposals open',
        currency,
        count(),
        sum(toInt128(amount_minor)),
        toDateTime64(min(proposed_at), 3, 'UTC')
    FROM rpt_proposals_now
    WHERE status = 'open'
    GROUP BY currency
    UNION ALL
    SELECT
        'records parked',
        toString(currency),
        count(),
        sum(toInt128(signed_minor)),
        toDateTime64(min(parked_at), 3, 'UTC')
    FROM fct_parked
    WHERE state = 'PARKED'
    GROUP BY currency
    UNION ALL
    SELECT
        'payments held',
        toString(currency),
        count(),
        sum(if(is_refund = 1, -1, 1) * toInt128(amount_minor)),
        toDateTime64(min(held_since), 3, 'UTC')
    FROM rpt_risk_now
    WHERE status = 'HELD'
    GROUP BY currency
    UNION ALL
    SELECT 'charges held', '', uniqExact(vault_customer_id), 0, toDateTime64(min(recorded_at), 3, 'UTC')
    FROM rpt_charge_holds_now
    WHERE isNull(most_entries)
    HAVING count() > 0
    UNION ALL
    SELECT 'customers to link', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
    FROM rpt_customer_links_now
    WHERE status IN ('contested', 'waiting')
    HAVING count() > 0
    UNION ALL
    SELECT 'customers unknown', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
    FROM rpt_customer_links_now
    WHERE status = 'unknown'
    HAVING count() > 0
    UNION ALL
    SELECT 'customer values', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
    FROM rpt_customer_values_now
    WHERE status IN ('waiting', 'refused')
    HAVING count() > 0
    UNION ALL
    SELECT 'orders waiting', '', count(), 0, toDateTime64(min(waits_since), 3, 'UTC')
    FROM rpt_orders_now
    WHERE waits_for != ''
    HAVING count() > 0
    UNION ALL
    SELECT 'subscription runs', toString(currency), count(), sum(toInt128(amount_minor)), toDateTime64(min(recorded_at), 3, 'UTC')
    FROM rpt_subscription_runs_now
    WHERE status IN ('MISSED', 'NEEDS_CARD', 'NEEDS_PERSON')
    GROUP BY currency
    UNION ALL
    SELECT 'alerts open', '', count(), 0, toDateTime64(min(opened_at), 3, 'UTC')
    FROM rpt_alerts_now
    WHERE status = 'open'
    HAVING count() > 0
    UNION ALL
    SELECT 'records unreadable', '', count(), 0, toDateTime64(min(recorded_at), 3, 'UTC')
    FROM fct_unreadable FINAL
    WHERE given_up_offset IS NULL
        AND (source_topic, source_partition, source_offset) NOT IN
        (SELECT toString(inbox_topic), inbox_partition, inbox_offset FROM fct_parked)
        AND (source_topic, source_partition, source_offset) NOT IN
        (
            SELECT toString(source_topic), source_partition, assumeNotNull(given_up_offset)
            FROM fct_unreadable FINAL
            WHERE given_up_offset IS NOT NULL
        )
    HAVING count() > 0
)
ORDER BY indexOf(['records unreadable', 'records parked', 'payments not recognized', 'money waits', 'payments held', 'documents refused',
    'ledger documents waiting', 'balances unexplained', 'erp records refused', 'disputes to answer', 'chargebacks to book',
    'bank lines unexplained', 'rests of deposits', 'refunds that came back', 'deposits overdue', 'charges held', 'payment requests wait',
    'customers to link', 'customers unknown', 'customer values', 'orders waiting',
    'subscription runs', 'proposals open', 'alerts open'], kind), currency
