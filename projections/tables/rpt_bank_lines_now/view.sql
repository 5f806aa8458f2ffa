CREATE OR REPLACE VIEW rpt_bank_lines_now AS
WITH
latest AS
(
    SELECT *
    FROM fct_deposit_events FINAL
    WHERE bank_line_id != ''
        AND record_type IN ('DepositMatched', 'DepositMatchSuggested', 'DepositBreakFound', 'DepositMatchRejected',
            'DepositUnmatched', 'BankLineDismissed', 'BankTransferRecorded')
    ORDER BY settlement_account, bank_line_id, source_offset DESC, row_index DESC
    LIMIT 1 BY settlement_account, bank_line_id
),
-- What is left of a match, and since when: what later lines explained is taken off it.
rests AS
(
    SELECT
        settlement_account,
        bank_line_id,
        sum(if(record_type = 'DepositMatched', rest_minor, -rest_minor)) AS rest_minor,
        groupArrayIf((source_offset, line_ids), record_type = 'DepositRestExplained') AS explained
    FROM fct_deposit_events FINAL
    WHERE record_type IN ('DepositMatched', 'DepositRestExplained', 'DepositUnmatched')
    GROUP BY settlement_account, bank_line_id
)
SELECT
    lines.settlement_account AS settlement_account,
    lines.line_id AS bank_line_id,
    multiIf(
        latest.record_type = 'DepositMatched', 'matched',
        latest.record_type = 'DepositMatchSuggested', 'suggested',
        latest.record_type = 'BankLineDismissed', 'dismissed',
        latest.record_type = 'BankTransferRecorded', 'customer',
        'break'
    ) AS status,
    lines.signed_minor AS deposit_minor,
    latest.fee_minor AS fee_minor,
    rests.rest_minor AS rest_minor,
    latest.open_minor AS difference_minor,
    lines.currency AS currency,
    latest.reason AS reason,
    latest.detail AS detail,
    latest.evidence AS evidence,
    latest.suggestion_code AS suggestion_code,
    -- With the lines that explained its rest since.
    arrayDistinct(arrayConcat(latest.line_ids,
        arrayFlatten(arrayMap(one -> one.2, arrayFilter(one -> one.1 > latest.source_offset, rests.explained))))) AS line_ids,
    latest.rule AS rule,
    latest.decided_by AS decided_by,
    latest.why AS why,
    lines.moved_on AS booked_on,
    lines.book_on AS book_on,
    lines.batch_number AS batch_number,
    lines.text AS text,
    lines.source_topic AS source_topic,
    lines.source_partition AS source_partition,
    lines.source_offset AS source_offset
FROM fct_settlement_lines AS lines FINAL
LEFT JOIN rests ON rests.settlement_account = lines.settlement_account AND rests.bank_line_id = lines.line_id
LEFT JOIN latest ON latest.settlement_account = lines.settlement_account AND latest.bank_line_id = lines.line_id
WHERE lines.term = 'deposited'
COMMENT 'Each bank line by what was last said of it: matched, suggested, dismissed, a customer''s payment or a break'
