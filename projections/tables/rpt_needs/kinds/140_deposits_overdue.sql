-- Payouts that are due and not in the bank.
WITH missing AS
(
    SELECT settlement_account, currency, open_minor, source_topic, source_partition, source_offset, recorded_at,
        arrayJoin(line_ids) AS line_id
    FROM fct_deposit_events FINAL
    WHERE record_type = 'DepositMissing'
)
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
