-- Which payments are of this amount or card?
-- One row for each transaction, the newest first, 200 at most. The amount is in minor units, one for each number of digits that a
-- currency may have; whoever asks compares the major amount.
-- parameter minors String: amounts in minor units, separated by commas; 0 for none
-- parameter last_four String = all: the last four digits of a card; empty for any
SELECT
    paytrace_transaction_id,
    toString(argMax(seen.status, seen.source_offset)) AS status,
    toString(argMax(seen.method, seen.source_offset)) AS method,
    argMax(seen.amount_minor, seen.source_offset) AS amount_minor,
    toString(argMax(seen.currency, seen.source_offset)) AS currency,
    argMax(seen.invoice_number, seen.source_offset) AS invoice_number,
    argMax(seen.card_last_four, seen.source_offset) AS card_last_four,
    min(seen.created_at) AS paid_at
FROM fct_observations AS seen FINAL
WHERE has(arrayMap(one -> toInt64OrZero(one), splitByChar(',', {minors:String})), seen.amount_minor)
    OR ({last_four:String} != '' AND seen.card_last_four = {last_four:String})
GROUP BY paytrace_transaction_id
ORDER BY paid_at DESC, paytrace_transaction_id
LIMIT 200
