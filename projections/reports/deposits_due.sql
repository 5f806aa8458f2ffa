-- Which deposits did the processor report that the bank has not brought in full, as of a day?
-- One row for each deposit that was reported up to that day: what the bank should bring, what it has brought by then in lines
-- that are matched, and what is still to come. A part that comes later keeps its deposit here.
-- parameter day Date: the end of this day, by the book day of matches
WITH
reports AS
(
    SELECT *
    FROM fct_deposit_reports FINAL
    ORDER BY settlement_account, deposit_id, source_offset DESC, row_index DESC
    LIMIT 1 BY settlement_account, deposit_id
),
-- Bank lines that are matched at the end of that day.
matched AS
(
    SELECT *
    FROM
    (
        SELECT settlement_account, bank_line_id, deposit_id, record_type, deposit_minor, carried_minor, source_offset
        FROM fct_deposit_events FINAL
        WHERE record_type IN ('DepositMatched', 'DepositUnmatched') AND deposit_id != '' AND book_on <= {day:Date}
        ORDER BY settlement_account, bank_line_id, source_offset DESC, row_index DESC
        LIMIT 1 BY settlement_account, bank_line_id
    )
    WHERE record_type = 'DepositMatched'
),
brought AS
(
    SELECT
        settlement_account,
        deposit_id,
        count() AS line_count,
        sum(toInt128(deposit_minor)) AS brought_minor,
        argMax(carried_minor, source_offset) AS carried_minor
    FROM matched
    GROUP BY settlement_account, deposit_id
)
SELECT
    reports.settlement_account AS settlement_account,
    reports.deposit_id AS deposit_id,
    reports.reported_on AS day,
    toString(reports.currency) AS currency,
    toInt128(reports.net_minor) AS net_minor,
    brought.brought_minor AS brought_minor,
    if(brought.line_count = 0, toInt128(reports.net_minor), toInt128(brought.carried_minor)) AS in_transit_minor,
    dateDiff('day', reports.reported_on, {day:Date}) AS days,
    reports.difference_minor AS report_difference_minor
FROM reports
LEFT JOIN brought ON brought.settlement_account = reports.settlement_account AND brought.deposit_id = reports.deposit_id
WHERE reports.reported_on <= {day:Date}
    AND NOT startsWith(reports.settlement_account, 'unassigned/')
    AND in_transit_minor != 0
ORDER BY day, settlement_account, deposit_id
