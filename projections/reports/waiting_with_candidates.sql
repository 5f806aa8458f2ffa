-- What waits for open items or for a decision, and what is suggested for it?
-- One row for each waiting entry and option, longest waiting first; an entry without a suggestion has one row, with
-- option 0. Options are numbered as `saldo decide confirm` takes them.
-- parameter abas_customer_id String = all: only this customer; empty for all
WITH
begun AS
(
    SELECT posting_reference, max(source_offset) AS begun_at
    FROM fct_suggestions FINAL
    WHERE suggestion_number = 1
    GROUP BY posting_reference
),
-- The options were told at once before this EntryWaiting; a later one that came alone has ended them.
told AS
(
    SELECT entries.posting_reference AS posting_reference, min(entries.source_offset) AS told_at
    FROM fct_entries AS entries FINAL
    INNER JOIN begun ON begun.posting_reference = entries.posting_reference
    WHERE entries.record_type = 'EntryWaiting' AND entries.source_offset > begun.begun_at
    GROUP BY entries.posting_reference
),
options AS
(
    SELECT
        suggested.posting_reference AS posting_reference,
        suggested.suggestion_number AS suggestion_number,
        suggested.invoice_numbers AS invoice_numbers,
        suggested.abas_open_item_ids AS abas_open_item_ids,
        suggested.part_amounts AS part_amounts,
        suggested.kind AS kind,
        suggested.rule AS rule,
        suggested.agrees AS agrees,
        suggested.differs AS differs,
        told.told_at AS told_at
    FROM fct_suggestions AS suggested FINAL
    INNER JOIN begun ON begun.posting_reference = suggested.posting_reference
    INNER JOIN told ON told.posting_reference = suggested.posting_reference
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
    options.suggestion_number AS suggestion_number,
    options.invoice_numbers AS invoice_numbers,
    options.abas_open_item_ids AS abas_open_item_ids,
    options.part_amounts AS part_amounts,
    options.kind AS kind,
    options.rule AS rule,
    options.agrees AS agrees,
    options.differs AS differs
FROM fct_waiting AS waiting
LEFT JOIN options
    ON options.posting_reference = waiting.posting_reference AND options.told_at = waiting.source_offset
WHERE {abas_customer_id:String} = '' OR waiting.abas_customer_id = {abas_customer_id:String}
ORDER BY waiting_since, posting_reference, paytrace_transaction_id, suggestion_number
