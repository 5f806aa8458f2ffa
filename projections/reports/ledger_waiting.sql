-- Which documents of the ledger wait, and why?
-- One row for each: a role has no account in the mapping, abas refused, or what it reverses is not posted yet. A new
-- mapping takes it up again, and so does `saldo ledger again`.
-- period value_on: value date of the document
SELECT
    posting_reference, kind, settlement_account, about_id, total_minor AS amount_minor, currency, value_on, waits_for, detail,
    mapping_version, recorded_at AS waiting_since
FROM rpt_ledger_documents_now
WHERE state IN ('waiting', 'refused')
ORDER BY waiting_since, posting_reference
