-- What came in each day, and by this hour?
-- One row for each of the last nine days and currency: captured money on the day on which PayTrace has it, in the merchant's zone. by_now is what
-- had come in on that day by the time of day that it is now, so that an unfinished day can be compared.
-- parameter zone String = day_zone: whose days they are
-- parameter now DateTime64(6, 'UTC') = now: now
-- period day: the day
WITH
created AS
(
    SELECT
        paytrace_transaction_id,
        toTimeZone(min(created_at), {zone:String}) AS at_place,
        toTimeZone({now:DateTime64(6, 'UTC')}, {zone:String}) AS now_at_place
    FROM fct_observations FINAL
    WHERE created_at > {now:DateTime64(6, 'UTC')} - INTERVAL 10 DAY
    GROUP BY paytrace_transaction_id
)
SELECT
    toDate32(created.at_place) AS day,
    toString(events.currency) AS currency,
    sum(toInt128(events.term_minor)) AS captured_minor,
    uniqExact(events.paytrace_transaction_id) AS payment_count,
    sumIf(toInt128(events.term_minor), is_by_now) AS by_now_minor,
    uniqExactIf(events.paytrace_transaction_id, is_by_now) AS by_now_count
FROM
(
    SELECT paytrace_transaction_id, currency, term_minor
    FROM fct_payment_events FINAL
    WHERE term = 'captured'
) AS events
INNER JOIN
(
    SELECT
        paytrace_transaction_id,
        at_place,
        toHour(at_place) * 3600 + toMinute(at_place) * 60 + toSecond(at_place)
            <= toHour(now_at_place) * 3600 + toMinute(now_at_place) * 60 + toSecond(now_at_place) AS is_by_now
    FROM created
) AS created ON created.paytrace_transaction_id = events.paytrace_transaction_id
GROUP BY day, currency
ORDER BY day, currency
