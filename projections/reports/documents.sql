-- Which documents were asked of the ERP, and what became of them?
-- One row for each document of any kind, those that a person looks at first: refused, parked, waiting for the ERP,
-- discarded, posted. `code` and `message` are the ERP's words where it refused. `value_on` is the day of the money,
-- `posted_on` the day that it was moved to because that period is closed (report closed_periods).
-- parameter state String = all: refused, parked, waiting, discarded or posted; empty for all
-- parameter kind String = all: a kind of schemas/documents; empty for all
-- period asked_at: when it was asked for
SELECT
    state, kind, posting_reference, subject_kind, subject, paytrace_transaction_id, amount_minor, currency,
    reverses_reference, document_number, code, message, value_on, posted_on, asked_at
FROM rpt_documents_now
WHERE ({state:String} = '' OR state = {state:String}) AND ({kind:String} = '' OR kind = {kind:String})
ORDER BY indexOf(['refused', 'parked', 'waiting', 'discarded', 'posted'], state), asked_at DESC, posting_reference
