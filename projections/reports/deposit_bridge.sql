-- What lies between the gateway and the bank, day by day?
-- One row for each day, account and line of the bridge, opening first. opening + all the lines between = closing, and
-- closing is what is in transit less what nothing explains. ids name the first 20 records of a line; for all of them
-- ask lines_of_a_deposit_day.
-- period day: book day
WITH
terms AS
(
    SELECT
        settlement_account,
        currency,
        day,
        term,
        sum(minor) AS minor,
        count() AS item_count,
        arraySlice(arraySort(groupArray(id)), 1, 20) AS ids
    FROM rpt_deposit_bridge
    GROUP BY settlement_account, currency, day, term
),
days AS
(
    SELECT
        settlement_account,
        currency,
        day,
        sum(sum(minor)) OVER (PARTITION BY settlement_account ORDER BY day) AS closing_minor,
        closing_minor - sum(minor) AS opening_minor
    FROM terms
    GROUP BY settlement_account, currency, day
),
stated AS
(
    SELECT *
    FROM fct_settlement_days FINAL
    ORDER BY settlement_account, book_on, source_offset DESC, row_index DESC
    LIMIT 1 BY settlement_account, book_on
),
lines AS
(
    SELECT settlement_account, currency, day, term, minor, item_count, ids FROM terms
    UNION ALL
    SELECT settlement_account, currency, day, 'opening', opening_minor, 0, [] FROM days
    UNION ALL
    SELECT settlement_account, currency, day, 'closing', closing_minor, 0, [] FROM days
    UNION ALL
    SELECT settlement_account, toString(currency), book_on, 'in transit', toInt128(in_transit_minor), 0, [] FROM stated
    UNION ALL
    SELECT settlement_account, toString(currency), book_on, 'unexplained', -toInt128(unexplained_minor),
        length(open_bank_line_ids), open_bank_line_ids
    FROM stated
    UNION ALL
    SELECT days.settlement_account, days.currency, days.day, 'residual',
        days.closing_minor - (toInt128(stated.in_transit_minor) - stated.unexplained_minor) + stated.residual_minor, 0, []
    FROM days
    INNER JOIN stated ON stated.settlement_account = days.settlement_account AND stated.book_on = days.day
)
SELECT
    lines.day AS day,
    lines.settlement_account AS settlement_account,
    multiIf(stated.settlement_account = '', 'RUNNING', stated.is_closed, 'CLOSED', 'NOT CLOSED') AS status,
    lines.term AS line,
    lines.minor AS amount_minor,
    lines.currency AS currency,
    lines.item_count AS item_count,
    lines.ids AS ids
FROM lines
LEFT JOIN stated ON stated.settlement_account = lines.settlement_account AND stated.book_on = lines.day
ORDER BY
    day, settlement_account,
    indexOf(['opening', 'captured', 'refunded', 'returned', 'charged_back', 'fees', 'adjusted', 'rest', 'reserve', 'deposited',
        'dismissed', 'closing', 'in transit', 'unexplained', 'residual'], line)
