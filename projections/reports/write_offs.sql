-- What was written off, by whom and why, and was it reversed?
-- One row for each write-off, newest first. `status` is how far it is; a write-off that is reversed counts no more
-- towards the limit of its invoice. `detail` is abas' word where it refused.
-- parameter abas_customer_id String = all: only this customer; empty for all
-- period decided_at: when it was decided
WITH
events AS
(
    -- A document that takes a write-off back is named by the write-off, U and a number.
    SELECT *, match(posting_reference, 'W[0-9]+U[0-9]+$') AS is_reversal,
        replaceRegexpOne(posting_reference, 'U[0-9]+$', '') AS write_off
    FROM fct_entries FINAL
    WHERE direction = 'NONE' AND match(posting_reference, 'W[0-9]+(U[0-9]+)?$')
),
decisions AS
(
    SELECT
        posting_reference,
        argMaxIf(decided_by, source_offset, decision = 'WRITE_OFF') AS written_off_by,
        argMaxIf(reason, source_offset, decision = 'WRITE_OFF') AS written_off_because,
        argMaxIf(decided_by, source_offset, decision = 'REVERSE_WRITE_OFF') AS reversed_by,
        argMaxIf(reason, source_offset, decision = 'REVERSE_WRITE_OFF') AS reversal_reason
    FROM fct_decisions FINAL
    WHERE decision IN ('WRITE_OFF', 'REVERSE_WRITE_OFF') AND outcome = 'TAKEN'
    GROUP BY posting_reference
)
SELECT
    min(events.occurred_at) AS decided_at,
    events.write_off AS posting_reference,
    argMax(multiIf(
        events.record_type = 'PostingRequested', if(events.is_reversal, 'to be reversed', 'asked of abas'),
        events.record_type = 'EntryPosted', if(events.is_reversal, 'reversed', 'written off'),
        if(events.is_reversal, 'written off', 'refused')), events.source_offset) AS status,
    any(events.abas_customer_id) AS abas_customer_id,
    anyIf(events.abas_open_item_id, events.abas_open_item_id != '') AS abas_open_item_id,
    any(events.amount_minor) AS amount_minor,
    toString(any(events.currency)) AS currency,
    toString(any(decisions.written_off_by)) AS decided_by,
    any(decisions.written_off_because) AS reason,
    toString(any(decisions.reversed_by)) AS reversed_by,
    any(decisions.reversal_reason) AS reversal_reason,
    argMax(events.detail, events.source_offset) AS detail,
    toString(argMax(events.record_type, events.source_offset)) AS last_event
FROM events
LEFT JOIN decisions ON decisions.posting_reference = events.write_off
WHERE {abas_customer_id:String} = '' OR events.abas_customer_id = {abas_customer_id:String}
GROUP BY events.write_off
ORDER BY decided_at DESC, posting_reference
