-- Which refunds and other reversals does finance book by hand, by whose decision and why?
-- One row for each; this is an end state. They stay in the bridge as handed over.
-- period decided_at: when it was decided
SELECT
    entries.occurred_at AS decided_at,
    entries.abas_customer_id AS abas_customer_id,
    entries.posting_reference AS posting_reference,
    entries.paytrace_transaction_id AS paytrace_transaction_id,
    entries.signed_minor AS signed_minor,
    entries.currency AS currency,
    decisions.decided_by AS decided_by,
    decisions.reason AS why
FROM rpt_entries_now AS entries
LEFT JOIN
(
    SELECT posting_reference, abas_customer_id, decided_by, reason
    FROM fct_decisions FINAL
    WHERE outcome = 'TAKEN' AND decision = 'HAND_OVER'
) AS decisions
    ON decisions.posting_reference = entries.posting_reference AND decisions.abas_customer_id = entries.abas_customer_id
WHERE entries.record_type = 'EntryHandedOver'
ORDER BY decided_at, posting_reference
