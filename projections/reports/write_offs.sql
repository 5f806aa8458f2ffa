-- What was written off, by whom and why, and was it taken back?
-- One row for each write-off, newest first. `standing` is how far it is; a write-off that is taken back counts no more
-- towards the limit of its invoice. `detail` is abas' word where it refused.
-- parameter abas_customer_id String = all: only this customer; empty for all
-- period decided_at: when it was decided
WITH
events AS
(
    SELECT *, if(record_type IN ('RestWriteOffReversalRequested', 'RestWriteOffReversed', 'RestWriteOffReversalRefused'),
        replaceRegexpOne(posting_reference, 'U[0-9]+$', ''), posting_reference) AS write_off
    FROM fct_write_offs FINAL
)
SELECT
    min(events.occurred_at) AS decided_at,
    events.write_off AS posting_reference,
    multiIf(
        last_event = 'RestWriteOffRequested', 'asked of abas',
        last_event = 'RestWrittenOff', 'written off',
        last_event = 'RestWriteOffRefused', 'refused',
        last_event = 'RestWriteOffReversalRequested', 'to be taken back',
        last_event = 'RestWriteOffReversed', 'taken back',
        last_event = 'RestWriteOffReversalRefused', 'written off',
        last_event) AS standing,
    any(events.abas_customer_id) AS abas_customer_id,
    any(events.abas_open_item_id) AS abas_open_item_id,
    any(events.amount_minor) AS amount_minor,
    toString(any(events.currency)) AS currency,
    toString(argMaxIf(events.decided_by, events.source_offset, events.decided_by != '')) AS decided_by,
    argMaxIf(events.reason, events.source_offset, events.reason != '') AS reason,
    argMax(events.detail, events.source_offset) AS detail,
    toString(argMax(events.record_type, events.source_offset)) AS last_event
FROM events
WHERE {abas_customer_id:String} = '' OR events.abas_customer_id = {abas_customer_id:String}
GROUP BY events.write_off
ORDER BY decided_at DESC, posting_reference
