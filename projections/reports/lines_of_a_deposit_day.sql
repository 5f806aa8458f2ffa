-- Which records make one day of the deposit bridge?
-- One row for each line of the day, with the transaction and the record that it comes from.
-- parameter day Date: book day, as deposit_days shows it
SELECT
    settlement_account,
    term,
    minor AS amount_minor,
    currency,
    id,
    paytrace_transaction_id,
    detail,
    source_topic,
    source_partition,
    source_offset
FROM rpt_deposit_bridge
WHERE day = {day:Date}
ORDER BY settlement_account, term, id
