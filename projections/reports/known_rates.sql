-- Which exchange rates are known, how old are they, who changed them, and what was valued by them?
-- One row for each pair, provider and day, newest first. A rate that its provider changed stands with what it was before; what was
-- valued until then keeps that: used_before_change counts those payments. Documents are those in abas of all payments that it valued.
-- parameter today Date = today: the day from which the age counts
-- period rate_on: the day of the rate
WITH
rates AS
(
    SELECT
        currency_pair, rate_provider, assumeNotNull(rate_on) AS day,
        argMax(rate, (source_offset, row_index)) AS rate,
        argMax(shown_rate, (source_offset, row_index)) AS shown_rate,
        argMax(previous_rate, (source_offset, row_index)) AS previous_rate,
        countIf(record_type = 'RateCorrected') AS changes,
        min(occurred_at) AS known_at,
        maxIf(occurred_at, record_type = 'RateCorrected') AS changed_at
    FROM fct_rates FINAL
    WHERE record_type IN ('RateRecorded', 'RateCorrected')
    GROUP BY currency_pair, rate_provider, day
),
used AS
(
    SELECT
        currency_pair, rate_provider, assumeNotNull(rate_on) AS day, paytrace_transaction_id,
        argMax(rate, source_offset) AS used_rate
    FROM fct_rates FINAL
    WHERE record_type = 'RateAnswered'
    GROUP BY currency_pair, rate_provider, day, paytrace_transaction_id
),
documents AS
(
    SELECT paytrace_transaction_id, groupUniqArray(posting_reference) AS posted
    FROM rpt_documents_now
    WHERE state = 'posted' AND paytrace_transaction_id != ''
    GROUP BY paytrace_transaction_id
),
uses AS
(
    SELECT
        used.currency_pair AS currency_pair, used.rate_provider AS rate_provider, used.day AS day,
        groupArray((used.paytrace_transaction_id, used.used_rate)) AS payments,
        arraySort(arrayDistinct(arrayFlatten(groupArray(documents.posted)))) AS posting_references
    FROM used
    LEFT JOIN documents ON documents.paytrace_transaction_id = used.paytrace_transaction_id
    GROUP BY used.currency_pair, used.rate_provider, used.day
)
SELECT
    toString(rates.currency_pair) AS currency_pair,
    rates.day AS rate_on,
    toString(rates.rate_provider) AS provider,
    rates.shown_rate AS shown_rate,
    rates.rate AS rate,
    dateDiff('day', rates.day, toDate32({today:Date})) AS age_days,
    rates.previous_rate AS previous_rate,
    rates.changes AS change_count,
    if(rates.changes > 0, toNullable(rates.changed_at), NULL) AS changed_at,
    rates.known_at AS known_at,
    length(uses.payments) AS payment_count,
    length(arrayFilter(one -> one.2 != rates.rate, uses.payments)) AS used_before_change,
    arrayMap(one -> one.1, arraySort(arraySlice(uses.payments, 1, 20))) AS payments,
    arraySlice(uses.posting_references, 1, 20) AS documents
FROM rates
LEFT JOIN uses ON uses.currency_pair = rates.currency_pair AND uses.rate_provider = rates.rate_provider AND uses.day = rates.day
ORDER BY currency_pair, rate_on DESC, provider
