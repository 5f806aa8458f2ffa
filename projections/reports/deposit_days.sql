-- Which days of which merchant account are closed?
-- One row for each day on which something happened, newest first. A day is closed when every bank line of it is
-- explained, no money of it is overdue and its residual is 0; the day that runs is never closed. The residual holds
-- what the rows add up to against what the agent counted line by line.
-- period day: book day
WITH
days AS
(
    SELECT
        settlement_account,
        currency,
        day,
        sumIf(minor, term = 'captured') AS captured_minor,
        sumIf(minor, term = 'refunded') AS refunded_minor,
        sumIf(minor, term = 'returned') AS returned_minor,
        sumIf(minor, term = 'charged_back') AS charged_back_minor,
        sumIf(minor, term = 'fees') AS fees_minor,
        sumIf(minor, term = 'adjusted') AS adjusted_minor,
        sumIf(minor, term = 'rest') AS rest_minor,
        sumIf(minor, term = 'reserve') AS reserve_minor,
        sumIf(minor, term = 'deposited') AS deposited_minor,
        sumIf(minor, term = 'dismissed') AS dismissed_minor,
        sum(minor) AS change_minor
    FROM rpt_deposit_bridge
    GROUP BY settlement_account, currency, day
),
open AS
(
    SELECT *, sum(change_minor) OVER (PARTITION BY settlement_account ORDER BY day) AS closing_minor
    FROM days
),
stated AS
(
    SELECT *
    FROM fct_settlement_days FINAL
    ORDER BY settlement_account, book_on, source_offset DESC, row_index DESC
    LIMIT 1 BY settlement_account, book_on
)
SELECT
    open.settlement_account AS settlement_account,
    open.day AS day,
    multiIf(stated.settlement_account = '', 'RUNNING', stated.is_closed AND residual_minor = 0, 'CLOSED', 'NOT CLOSED') AS status,
    open.currency AS currency,
    closing_minor - change_minor AS opening_minor,
    captured_minor,
    refunded_minor,
    returned_minor,
    charged_back_minor,
    fees_minor,
    adjusted_minor,
    rest_minor,
    reserve_minor,
    deposited_minor,
    dismissed_minor,
    open.closing_minor AS closing_minor,
    stated.in_transit_minor AS in_transit_minor,
    stated.unexplained_minor AS unexplained_minor,
    if(stated.settlement_account = '', 0,
        open.closing_minor - (toInt128(stated.in_transit_minor) - stated.unexplained_minor) + stated.residual_minor) AS residual_minor,
    length(stated.open_bank_line_ids) AS open_bank_lines,
    stated.overdue_count AS overdue_lines
FROM open
LEFT JOIN stated ON stated.settlement_account = open.settlement_account AND stated.book_on = open.day
ORDER BY day DESC, settlement_account
