-- What did the bank book, and what of it is explained?
-- One row for each bank line, the newest first, with what was said of it last: matched, suggested, dismissed or a break.
-- parameter bank_line_id String = all: only this one; empty for all
-- period booked_on: booking day of the bank
SELECT
    settlement_account,
    booked_on,
    status,
    deposit_minor,
    fee_minor,
    toString(currency) AS currency,
    length(line_ids) AS line_count,
    text,
    detail,
    decided_by,
    rule,
    bank_line_id
FROM rpt_bank_lines_now
WHERE {bank_line_id:String} IN ('', bank_line_id)
ORDER BY booked_on DESC, settlement_account, bank_line_id
