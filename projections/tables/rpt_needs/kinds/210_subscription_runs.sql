-- Runs of subscriptions that were missed or need a card.
SELECT 'subscription runs', toString(currency), count(), sum(toInt128(amount_minor)), toDateTime64(min(recorded_at), 3, 'UTC')
FROM rpt_subscription_runs_now
WHERE status IN ('MISSED', 'NEEDS_CARD', 'NEEDS_PERSON')
GROUP BY currency
