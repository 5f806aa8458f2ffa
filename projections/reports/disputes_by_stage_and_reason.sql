-- How many disputes stand where, for which reasons, and how many are won?
-- One row for each reason, stage and currency. The rates are those of the reason: won of those that were won or lost, in
-- hundredths of a percent; a request for papers counts in no rate. Null where none has ended.
SELECT
    toString(currency) AS currency,
    reason_code,
    stage,
    count() AS case_count,
    sum(toInt128(disputed_minor)) AS disputed_minor,
    sum(toInt128(charged_back_minor)) AS charged_back_minor,
    sum(toInt128(lost_minor)) AS lost_minor,
    any(won) AS won_count,
    any(lost) AS lost_count,
    if(won_count + lost_count = 0, NULL, toInt32(intDiv(10000 * won_count, won_count + lost_count))) AS win_rate_bps
FROM
(
    SELECT
        *,
        countIf(outcome = 'won' AND is_chargeback) OVER reason AS won,
        countIf(outcome = 'lost' AND is_chargeback) OVER reason AS lost
    FROM rpt_dispute_cases
    WINDOW reason AS (PARTITION BY currency, reason_code)
)
GROUP BY currency, reason_code, stage
ORDER BY currency, reason_code, stage
