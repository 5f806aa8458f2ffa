-- Which money of customers is on account, and for how long?
-- One row for each receipt on account that is not applied in full, oldest first. `left_minor` is what no open item took and
-- nothing took back; `detail` says why it is there, a likely double payment included.
-- parameter abas_customer_id String = all: only this customer; empty for all
-- parameter today Date = today: the age in days is counted up to this day
WITH
receipts AS
(
    SELECT posting_reference, abas_customer_id, any(paytrace_transaction_id) AS paytrace_transaction_id,
        argMaxIf(detail, source_offset, record_type = 'EntryPutOnAccount') AS detail,
        argMaxIf(value_on, source_offset, record_type = 'PostingRequested') AS value_on,
        any(amount_minor) AS amount_minor, any(currency) AS currency
    FROM fct_entries FINAL
    WHERE direction = 'RECEIPT'
    GROUP BY posting_reference, abas_customer_id
    HAVING countIf(record_type = 'EntryPutOnAccount') > 0 AND countIf(record_type = 'EntryPosted') > 0
        AND argMaxIf(document_kind, source_offset, document_kind != '') = 'on_account_receipt'
),
documents AS
(
    SELECT posting_reference, any(amount_minor) AS amount_minor,
        argMaxIf(reverses_reference, source_offset, document_kind != '') AS reverses,
        argMaxIf(takes_from_reference, source_offset, document_kind != '') AS takes_from,
        argMax(record_type, source_offset) AS last_event
    FROM fct_entries FINAL
    GROUP BY posting_reference
    HAVING reverses != '' OR takes_from != ''
),
ended AS (SELECT reverses FROM documents WHERE last_event = 'EntryPosted' AND reverses != ''),
taken AS
(
    SELECT if(takes_from != '', takes_from, reverses) AS receipt, sum(amount_minor) AS minor
    FROM documents
    WHERE last_event != 'EntryNetted'
        AND if(takes_from != '', reverses = '' AND posting_reference NOT IN (SELECT reverses FROM ended), 1)
    GROUP BY receipt
)
SELECT
    receipts.value_on AS value_on,
    dateDiff('day', receipts.value_on, {today:Date}) AS age_days,
    receipts.posting_reference AS posting_reference,
    receipts.paytrace_transaction_id AS paytrace_transaction_id,
    receipts.abas_customer_id AS abas_customer_id,
    receipts.amount_minor AS amount_minor,
    receipts.amount_minor - taken.minor AS left_minor,
    toString(receipts.currency) AS currency,
    receipts.detail AS detail
FROM receipts
LEFT JOIN taken ON taken.receipt = receipts.posting_reference
WHERE left_minor > 0 AND ({abas_customer_id:String} = '' OR receipts.abas_customer_id = {abas_customer_id:String})
ORDER BY value_on, posting_reference
