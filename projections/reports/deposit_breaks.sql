-- Which deposits does nothing explain, what is left of others, and which money has no deposit?
-- One row for each bank line that is a break or a suggestion (with its code for `saldo deposits`), for each batch or day of
-- money that is overdue and not paid out since, for each rest of a matched bank line that nothing explains yet, and for each line that was refused because its id stands for another one;
-- largest first.
-- period day: book day
WITH
missing AS
(
    SELECT settlement_account, detail, currency, open_minor, source_topic, source_partition, source_offset, book_on,
        arrayJoin(line_ids) AS line_id
    FROM fct_deposit_events FINAL
    WHERE record_type = 'DepositMissing'
)
SELECT *
FROM
(
    SELECT
        settlement_account,
        status,
        reason,
        detail,
        deposit_minor AS amount_minor,
        difference_minor,
        toString(currency) AS currency,
        booked_on AS day,
        bank_line_id AS id,
        line_ids AS suggested_ids,
        suggestion_code,
        text,
        toString(source_topic) AS source_topic,
        source_partition,
        source_offset
    FROM rpt_bank_lines_now
    WHERE status IN ('break', 'suggested')
    UNION ALL
    SELECT
        lines.settlement_account, 'rest', 'REST', arrayStringConcat(lines.evidence, '; '), lines.rest_minor, lines.rest_minor,
        toString(lines.currency), lines.booked_on, lines.bank_line_id, suggested.line_ids, suggested.suggestion_code, lines.text,
        toString(lines.source_topic), lines.source_partition, lines.source_offset
    FROM rpt_bank_lines_now AS lines
    LEFT JOIN
    (
        SELECT settlement_account, bank_line_id, line_ids, if(record_type = 'DepositRestSuggested', suggestion_code, '') AS suggestion_code
        FROM fct_deposit_events FINAL
        WHERE record_type IN ('DepositRestSuggested', 'DepositMatchRejected', 'DepositMatched')
        ORDER BY settlement_account, bank_line_id, source_offset DESC, row_index DESC
        LIMIT 1 BY settlement_account, bank_line_id
    ) AS suggested ON suggested.settlement_account = lines.settlement_account AND suggested.bank_line_id = lines.bank_line_id
    WHERE lines.rest_minor != 0
    UNION ALL
    SELECT
        settlement_account,
        'overdue',
        'NO_DEPOSIT',
        any(detail),
        any(open_minor),
        any(open_minor),
        toString(any(currency)),
        assumeNotNull(any(book_on)),
        min(line_id),
        arraySort(groupArray(line_id)),
        '',
        '',
        toString(source_topic),
        source_partition,
        source_offset
    FROM missing
    LEFT ANTI JOIN rpt_paid_out_lines USING (settlement_account, line_id)
    GROUP BY settlement_account, source_topic, source_partition, source_offset
    UNION ALL
    SELECT
        settlement_account, 'refused', toString(reason), detail, deposit_minor, deposit_minor, toString(currency),
        toDate32(occurred_at), bank_line_id, line_ids, '', '', toString(source_topic), source_partition, source_offset
    FROM fct_deposit_events FINAL
    WHERE record_type = 'SettlementLineRefused' AND reason = 'ID_USED_TWICE'
)
ORDER BY abs(amount_minor) DESC, settlement_account, id
