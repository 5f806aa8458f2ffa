CREATE OR REPLACE VIEW rpt_ledger_documents_now AS
WITH
-- Repeats of a record have one event_id; the entry of a document is made once.
entries AS
(
    SELECT
        posting_reference,
        any(lines.settlement_account) AS settlement_account,
        any(lines.kind) AS kind,
        any(lines.about_id) AS about_id,
        any(lines.paytrace_transaction_id) AS paytrace_transaction_id,
        any(lines.currency) AS currency,
        sumIf(toInt128(lines.amount_minor), lines.amount_minor > 0) AS total_minor,
        any(lines.value_on) AS value_on,
        min(lines.occurred_at) AS entered_at
    FROM fct_journal_lines AS lines FINAL
    WHERE lines.is_asked_for
    GROUP BY posting_reference
),
steps AS
(
    SELECT
        posting_reference,
        argMax(told.state, (told.source_offset, told.row_index)) AS state,
        argMax(told.waits_for, (told.source_offset, told.row_index)) AS waits_for,
        argMax(told.detail, (told.source_offset, told.row_index)) AS detail,
        argMax(told.mapping_version, (told.source_offset, told.row_index)) AS mapping_version,
        argMax(told.document_number, (told.source_offset, told.row_index)) AS document_number,
        argMax(told.recorded_at, (told.source_offset, told.row_index)) AS recorded_at
    FROM fct_ledger_documents AS told FINAL
    GROUP BY posting_reference
)
SELECT
    entries.posting_reference AS posting_reference,
    settlement_account, kind, about_id, paytrace_transaction_id, currency, total_minor, value_on, entered_at,
    multiIf(steps.state = 'waiting' AND steps.waits_for = 'REFUSED', 'refused', steps.state) AS state,
    steps.waits_for AS waits_for,
    steps.detail AS detail,
    steps.mapping_version AS mapping_version,
    steps.document_number AS document_number,
    steps.recorded_at AS recorded_at
FROM entries
INNER JOIN steps ON steps.posting_reference = entries.posting_reference
COMMENT 'Each document that the ledger asks for, once: asked, waiting, refused, posted or netted'
