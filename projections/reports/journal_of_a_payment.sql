-- Which accounts did the money of one payment go through?
-- One row for each line of the ledger's journal about the transaction, a debit above zero; posting_reference names the
-- document in abas that says the same, if there is one.
-- parameter paytrace_transaction_id String: the transaction
-- period value_on: value date of the money
SELECT
    value_on, kind, role, amount_minor, currency, posting_reference, about_id, settlement_account, occurred_at
FROM fct_journal_lines FINAL
WHERE paytrace_transaction_id = {paytrace_transaction_id:String}
ORDER BY occurred_at, source_offset, row_index
