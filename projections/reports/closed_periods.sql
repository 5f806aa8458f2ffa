-- Which documents met a closed period, and what became of them?
-- One row for each, those that wait for a person first: parked, and what was moved into an open period as the document that it
-- is (re-dated) or as an adjustment (adjusted). value_on is the day of the money, which stays; posted_on the day on which it was
-- posted, or asked for last. `why` is what the ERP said.
-- parameter happened String = all: parked, re-dated or adjusted; empty for all
-- period value_on: day of the money
SELECT
    multiIf(
        state = 'refused' AND startsWith(code, 'PERIOD_CLOSED'), 'parked',
        documents.kind != first_kind, 'adjusted',
        posted_on IS NOT NULL, 're-dated',
        'reopened'
    ) AS happened,
    state,
    first_kind AS kind,
    posting_reference,
    subject,
    paytrace_transaction_id,
    amount_minor,
    currency,
    value_on,
    posted_on,
    document_number,
    closed_message AS why,
    asked_at
FROM rpt_documents_now AS documents
WHERE is_period_closed AND ({happened:String} = '' OR happened = {happened:String})
ORDER BY indexOf(['parked', 'adjusted', 're-dated', 'reopened'], happened), value_on, posting_reference
