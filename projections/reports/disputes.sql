-- Where does each dispute stand, and until when must it be answered?
-- One row for each case; those that must be answered first, by their last day. deadline says near or passed once a warning
-- was given. lost_minor is what of the money is lost for good.
-- parameter dispute_id String = all: only this one; empty for all
-- period opened_on: day on which the case was opened
SELECT
    settlement_account,
    dispute_id,
    paytrace_transaction_id,
    stage,
    outcome,
    reason_code,
    deadline_on,
    deadline,
    disputed_minor,
    charged_back_minor,
    lost_minor,
    toString(currency) AS currency,
    opened_on,
    last_on,
    toString(source_topic) AS source_topic,
    source_partition,
    source_offset
FROM rpt_dispute_cases
WHERE {dispute_id:String} IN ('', dispute_id)
ORDER BY deadline_on IS NULL, deadline_on, opened_on DESC, settlement_account, dispute_id
