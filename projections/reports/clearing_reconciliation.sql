-- Does what PayTrace holds agree with what the deposit bridge took over from it?
-- One row for each step and merchant account, in the order of the sum. It joins the bridge of payments (what PayTrace captured,
-- refunded, lost) with the bridge of deposits (what the bank paid out): what is captured and in no batch yet is counted
-- payment by payment, what is on its way to the bank line by line. The last line must be 0.
WITH
payments AS
(
    SELECT
        concat(argMax(merchant, source_offset), '/', argMax(toString(currency), source_offset)) AS settlement_account,
        paytrace_transaction_id,
        sumIf(toInt128(term_minor), term = 'captured') AS captured,
        -sumIf(toInt128(term_minor), term = 'refunded') AS refunded,
        -sumIf(toInt128(term_minor), term = 'voided') AS voided,
        -sumIf(toInt128(term_minor), term = 'returned') AS returned
    FROM fct_payment_events FINAL
    WHERE term IN ('captured', 'refunded', 'voided', 'returned')
    GROUP BY paytrace_transaction_id
    HAVING countIf(method = 'BANK_TRANSFER') = 0 -- no processor holds what customers pay into the bank account
),
taken_over AS
(
    SELECT paytrace_transaction_id, sum(toInt128(signed_minor)) AS settled
    FROM fct_settlement_lines FINAL
    WHERE term IN ('captured', 'refunded', 'returned') AND paytrace_transaction_id != ''
    GROUP BY paytrace_transaction_id
),
joined AS
(
    SELECT
        payments.settlement_account AS settlement_account,
        captured, refunded, voided, returned,
        captured + refunded + voided + returned AS held,
        taken_over.paytrace_transaction_id = '' AS is_unsettled,
        taken_over.settled AS took
    FROM payments
    LEFT JOIN taken_over ON taken_over.paytrace_transaction_id = payments.paytrace_transaction_id
),
sums AS
(
    SELECT
        settlement_account,
        sum(joined.captured) AS captured,
        sum(joined.refunded) AS refunded,
        sum(joined.voided) AS voided,
        sum(joined.returned) AS returned,
        sum(joined.held) AS net,
        sumIf(joined.held, is_unsettled) AS unsettled,
        sumIf(joined.held - joined.took, NOT is_unsettled) AS differs
    FROM joined
    GROUP BY settlement_account
),
deposits AS
(
    SELECT
        settlement_account,
        sumIf(minor, term IN ('captured', 'refunded', 'returned')) AS moved,
        sumIf(minor, term = 'charged_back') AS charged_back,
        sumIf(minor, term IN ('fees', 'adjusted')) AS fees,
        sumIf(minor, term = 'reserve') AS reserve,
        sumIf(minor, term = 'rest') AS rest,
        sumIf(minor, term NOT IN
            ('captured', 'refunded', 'returned', 'charged_back', 'fees', 'adjusted', 'reserve', 'rest', 'deposited')) AS others,
        sumIf(minor, term = 'deposited') AS deposited,
        sum(minor) AS closing
    FROM rpt_deposit_bridge
    GROUP BY settlement_account
)
SELECT
    both.settlement_account AS settlement_account,
    term.1 AS step,
    term.2 AS what,
    term.3 AS amount_minor,
    splitByChar('/', both.settlement_account)[-1] AS currency
FROM
(
    SELECT
        if(sums.settlement_account != '', sums.settlement_account, deposits.settlement_account) AS settlement_account,
        arrayJoin([
            (1, 'captured', captured),
            (2, '- refunded', refunded),
            (3, '- voided', voided),
            (4, '- returned (ACH)', returned),
            (5, '= PayTrace holds', net),
            (6, '- captured and not settled yet', -unsettled),
            (7, '- differs from what was settled', -differs),
            (8, '= settled, as the deposit bridge took it over', moved),
            (9, '- charged back', charged_back),
            (10, '- fees', fees),
            (11, '- reserve', reserve),
            (12, '- rests of deposits', rest),
            (13, '- others', others),
            (14, '- deposited by the bank', deposited),
            (15, '= on its way to the bank', closing),
            (16, 'residual', net - unsettled - differs - moved)
        ]) AS term
    FROM sums
    FULL OUTER JOIN deposits ON deposits.settlement_account = sums.settlement_account
) AS both
ORDER BY settlement_account, step
