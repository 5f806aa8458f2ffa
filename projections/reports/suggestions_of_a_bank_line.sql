-- What was ever suggested for this bank line, and under which code?
-- One row for each content that was suggested, newest first.
-- parameter id String: bank line, as deposit_breaks names it
-- period suggested_at: when it was suggested
SELECT
    suggestion_code,
    settlement_account,
    any(line_ids) AS suggested_ids,
    any(deposit_minor) AS deposit_minor,
    any(fee_minor) AS fee_minor,
    toString(any(currency)) AS currency,
    max(occurred_at) AS suggested_at
FROM fct_deposit_events FINAL
WHERE record_type IN ('DepositMatchSuggested', 'DepositRestSuggested') AND bank_line_id = {id:String}
GROUP BY settlement_account, suggestion_code
ORDER BY suggested_at DESC, settlement_account, suggestion_code
