CREATE OR REPLACE VIEW rpt_deposit_bridge AS
SELECT
    settlement_account,
    toString(currency) AS currency,
    assumeNotNull(book_on) AS day,
    toString(term) AS term,
    -- A deposit takes money off what is open; every other term carries its own sign.
    if(term = 'deposited', -toInt128(signed_minor), toInt128(signed_minor)) AS minor,
    line_id AS id,
    paytrace_transaction_id,
    text AS detail,
    toString(source_topic) AS source_topic,
    source_partition,
    source_offset
FROM fct_settlement_lines FINAL
UNION ALL
SELECT
    settlement_account,
    toString(currency),
    assumeNotNull(book_on),
    multiIf(record_type IN ('BankLineDismissed', 'BankTransferRecorded'), 'dismissed', record_type != 'DepositUnmatched' AND decided_by = 'rule', 'fees', 'adjusted'),
    multiIf(record_type IN ('BankLineDismissed', 'BankTransferRecorded'), toInt128(deposit_minor), record_type = 'DepositUnmatched', toInt128(fee_minor), -toInt128(fee_minor)),
    bank_line_id,
    '',
    if(rule = '', concat(decided_by, ': ', why), concat(rule, ', ', schedule_version)),
    toString(source_topic),
    source_partition,
    source_offset
FROM fct_deposit_events FINAL
WHERE record_type IN ('DepositMatched', 'DepositRestExplained', 'DepositUnmatched', 'BankLineDismissed')
    -- A customer's payment was in the bridge only where its line had been open as a deposit.
    OR (record_type = 'BankTransferRecorded' AND deposit_minor != 0)
UNION ALL
SELECT
    settlement_account,
    toString(currency),
    assumeNotNull(book_on),
    'rest',
    if(record_type = 'DepositMatched', -toInt128(rest_minor), toInt128(rest_minor)),
    bank_line_id,
    '',
    if(rule = '', concat(decided_by, ': ', why), concat(rule, ', ', deposit_id)),
    toString(source_topic),
    source_partition,
    source_offset
FROM fct_deposit_events FINAL
WHERE record_type IN ('DepositMatched', 'DepositRestExplained', 'DepositUnmatched') AND rest_minor != 0
COMMENT 'Every line of the deposit bridge with the record it comes from: what is open at the end of a day is the sum so far'
