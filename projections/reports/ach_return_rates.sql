-- How many bank debits come back, and how near is that to the limits of the networks?
-- One row for each limit: returns of the 60 days up to `today`, whenever their debits were created, in hundredths of a percent of the debits
-- that were created in these days. Unauthorised may be 50 (0.5 %), administrative 300, all 1500; needs attention from half of it on.
-- parameter today Date = today: last day of the 60
WITH
debits AS
(
    SELECT paytrace_transaction_id
    FROM fct_observations FINAL
    WHERE kind = 'ACH_SALE' AND created_on <= {today:Date} AND created_on > {today:Date} - 60
    GROUP BY paytrace_transaction_id
),
returned AS
(
    SELECT toString(code_class) AS class
    FROM rpt_next_steps_now
    WHERE code_kind = 'RETURN' AND noticed_on <= {today:Date} AND noticed_on > {today:Date} - 60
        AND paytrace_transaction_id IN (SELECT paytrace_transaction_id FROM fct_observations FINAL WHERE kind = 'ACH_SALE')
),
counted AS
(
    SELECT
        limited.1 AS rate,
        limited.2 AS limit_hundredths,
        assumeNotNull((SELECT count() FROM debits)) AS debit_count,
        assumeNotNull(if(limited.1 = 'all', (SELECT count() FROM returned),
            if(limited.1 = 'unauthorised', (SELECT countIf(class = 'unauthorised') FROM returned),
                (SELECT countIf(class = 'administrative') FROM returned)))) AS returned_count
    FROM (SELECT arrayJoin([('unauthorised', 50), ('administrative', 300), ('all', 1500)]) AS limited)
)
SELECT
    rate,
    debit_count,
    returned_count,
    intDiv(returned_count * 10000, greatest(debit_count, 1)) AS rate_hundredths,
    limit_hundredths,
    multiIf(returned_count * 10000 > debit_count * limit_hundredths, 'over',
        returned_count * 20000 >= debit_count * limit_hundredths AND returned_count > 0, 'near', 'fine') AS state
FROM counted
ORDER BY limit_hundredths
