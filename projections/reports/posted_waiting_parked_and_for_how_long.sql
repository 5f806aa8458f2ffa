-- What is posted, what waits and why, what is parked, and for how long?
-- One row for each status, place, reason and currency. Hours are how long money has been waiting or parked, and for
-- posted money how long it took from the payment to the document. Unrecognized is what PayTrace holds in words or
-- amounts that can't be read: beside the rest, because it is not proved to be money.
-- parameter now DateTime64(6, 'UTC') = now: ages are counted up to this instant
WITH status AS
(
    SELECT
        'posted' AS status,
        'abas' AS place,
        toString(reported_by) AS reason,
        currency,
        minor,
        money_at AS since,
        dateDiff('second', money_at, toDateTime64(recorded_at, 6, 'UTC')) / 3600 AS hours
    FROM rpt_money
    WHERE term = 'posted'
    UNION ALL
    SELECT
        'waiting',
        waits_in,
        toString(reason),
        toString(currency),
        signed_minor,
        waiting_since,
        dateDiff('second', waiting_since, {now:DateTime64(6, 'UTC')}) / 3600
    FROM fct_waiting
    UNION ALL
    SELECT
        'parked',
        toString(inbox_topic),
        toString(error_type),
        toString(currency),
        signed_minor,
        toDateTime64(parked_at, 6, 'UTC'),
        dateDiff('second', parked_at, {now:DateTime64(6, 'UTC')}) / 3600
    FROM fct_parked
    WHERE state = 'PARKED'
    UNION ALL
    SELECT
        'unrecognized',
        'payments',
        toString(reason),
        toString(currency),
        signed_minor,
        waiting_since,
        dateDiff('second', waiting_since, {now:DateTime64(6, 'UTC')}) / 3600
    FROM rpt_unrecognized_now
)
SELECT
    status,
    place,
    reason,
    currency,
    count() AS item_count,
    sum(minor) AS amount_minor,
    min(since) AS oldest_since,
    round(median(hours), 1) AS median_hours,
    round(max(hours), 1) AS longest_hours,
    countIf(hours <= 24) AS up_to_1_day,
    countIf(hours > 24 AND hours <= 168) AS up_to_7_days,
    countIf(hours > 168) AS over_7_days
FROM status
GROUP BY status, place, reason, currency
ORDER BY indexOf(['posted', 'waiting', 'parked', 'unrecognized'], status), place, reason, currency
