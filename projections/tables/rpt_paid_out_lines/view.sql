CREATE OR REPLACE VIEW rpt_paid_out_lines AS
SELECT settlement_account, bank_line_id, booked_on, arrayJoin(line_ids) AS line_id
FROM rpt_bank_lines_now
WHERE status = 'matched'
COMMENT 'Each line between gateway and bank that a bank line paid out, with the day of that'
