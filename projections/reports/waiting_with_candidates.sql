-- What waits for open items or for a decision, and what is suggested for it?
-- One row for each waiting entry and suggestion, longest waiting first; an entry without a suggestion has one row, with
-- number 0; so has a transaction whose words or amount can't be read (waits_in payments), which nothing can be suggested
-- for. `saldo decide confirm` and `reject` take the suggestion_code, never the number.
-- parameter abas_customer_id String = all: only this customer; empty for all
-- period waiting_since: since when it waits
SELECT *
FROM
(
    WITH
    begun AS
    (
        SELECT posting_reference, max(source_offset) AS begun_at
        FROM fct_suggestions FINAL
        WHERE suggestion_number = 1
        GROUP BY posting_reference
    ),
    -- All suggestions of one decision are published together, before this EntryWaiting. A newer decision replaces them.
    reported AS
    (
        SELECT entries.posting_reference AS posting_reference, min(entries.source_offset) AS reported_at
        FROM fct_entries AS entries FINAL
        INNER JOIN begun ON begun.posting_reference = entries.posting_reference
        WHERE entries.record_type = 'EntryWaiting' AND entries.source_offset > begun.begun_at
        GROUP BY entries.posting_reference
    ),
    suggestions AS
    (
        SELECT
            suggested.posting_reference AS posting_reference,
            suggested.suggestion_number AS suggestion_number,
            suggested.invoice_numbers AS invoice_numbers,
            suggested.abas_open_item_ids AS abas_open_item_ids,
            suggested.part_amounts AS part_amounts,
            suggested.open_amounts AS open_amounts,
            suggested.suggestion_code AS suggestion_code,
            suggested.kind AS kind,
            suggested.rule AS rule,
            suggested.agrees AS agrees,
            suggested.differs AS differs,
            reported.reported_at AS reported_at
        FROM fct_suggestions AS suggested FINAL
        INNER JOIN begun ON begun.posting_reference = suggested.posting_reference
        INNER JOIN reported ON reported.posting_reference = suggested.posting_reference
        WHERE suggested.source_offset >= begun.begun_at
    )
    SELECT
        waiting.waiting_since AS waiting_since,
        waiting.abas_customer_id AS abas_customer_id,
        waiting.posting_reference AS posting_reference,
        waiting.paytrace_transaction_id AS paytrace_transaction_id,
        waiting.signed_minor AS signed_minor,
        waiting.currency AS currency,
        waiting.invoice_number AS names_invoice,
        waiting.waits_in AS waits_in,
        waiting.reason AS reason,
        waiting.detail AS detail,
        suggestions.suggestion_number AS suggestion_number,
        suggestions.invoice_numbers AS invoice_numbers,
        suggestions.abas_open_item_ids AS abas_open_item_ids,
        suggestions.part_amounts AS part_amounts,
        suggestions.open_amounts AS open_amounts,
        suggestions.suggestion_code AS suggestion_code,
        suggestions.kind AS kind,
        suggestions.rule AS rule,
        suggestions.agrees AS agrees,
        suggestions.differs AS differs
    FROM fct_waiting AS waiting
    LEFT JOIN suggestions
        ON suggestions.posting_reference = waiting.posting_reference AND suggestions.reported_at = waiting.source_offset
    WHERE {abas_customer_id:String} = '' OR waiting.abas_customer_id = {abas_customer_id:String}
    UNION ALL
    SELECT
        waiting_since, '', '', paytrace_transaction_id, signed_minor, toString(currency), invoice_number, 'payments',
        toString(reason), detail, 0, emptyArrayString(), emptyArrayString(), emptyArrayInt64(), emptyArrayInt64(), '', '', '',
        emptyArrayString(), emptyArrayString()
    FROM rpt_unrecognized_now
    WHERE {abas_customer_id:String} = ''
)
ORDER BY waiting_since, posting_reference, paytrace_transaction_id, suggestion_number
