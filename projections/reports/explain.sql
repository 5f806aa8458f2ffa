-- What was decided about this payment, document, invoice, open item or bank line, on what evidence and by whom?
-- One row for each step, in the order of the journal; the facts of disputes about it stand behind, under `dispute ID`,
-- and what became of bank lines that it names or that pay it out, under `bank line ID`.
-- `agrees` and `differs` are the evidence, `runner_up` the next best
-- answer with its distance in hundredths of the natural logarithm of the odds; `decided_by` is empty for a rule.
-- `value_on` is the value date that was asked of abas.
-- parameter id String: payment (transaction id), posting reference, invoice number, open item id, dispute id, bank line id, or a line or batch of a deposit
-- period occurred_at: when it happened
WITH
concerned AS
(
    SELECT DISTINCT posting_reference
    FROM fct_entries FINAL
    WHERE {id:String} IN (posting_reference, paytrace_transaction_id, refunds_transaction_id, abas_open_item_id)
        OR (upper(invoice_number) = upper({id:String}) AND record_type = 'PaymentMatched')
    UNION DISTINCT
    SELECT posting_reference
    FROM fct_suggestions FINAL
    WHERE has(abas_open_item_ids, {id:String}) OR has(arrayMap(number -> upper(number), invoice_numbers), upper({id:String}))
    UNION DISTINCT
    SELECT posting_reference
    FROM fct_entries FINAL
    WHERE direction = 'NONE' AND (replaceRegexpOne(posting_reference, 'U[0-9]+$', '') = {id:String}
        OR abas_open_item_id IN (SELECT abas_open_item_id FROM fct_open_items FINAL WHERE upper(invoice_number) = upper({id:String})))
    UNION DISTINCT
    SELECT paytrace_transaction_id
    FROM fct_unrecognized FINAL
    WHERE record_type = 'PaymentStatusUnrecognized'
        AND (paytrace_transaction_id = {id:String} OR upper(invoice_number) = upper({id:String}))
    UNION DISTINCT
    SELECT paytrace_transaction_id
    FROM fct_movements FINAL
    WHERE record_type IN ('PaymentAwaitsReference', 'PaymentAwaitsRisk')
        AND (paytrace_transaction_id = {id:String} OR upper(invoice_number) = upper({id:String}))
),
disputed AS
(
    SELECT DISTINCT settlement_account, dispute_id
    FROM fct_dispute_events FINAL
    WHERE {id:String} IN (dispute_id, paytrace_transaction_id)
        OR (paytrace_transaction_id != '' AND paytrace_transaction_id IN
            (SELECT paytrace_transaction_id FROM fct_entries FINAL WHERE posting_reference IN concerned))
),
steps AS
(
    SELECT
        occurred_at, toString(record_type) AS what, posting_reference,
        if(direction = 'NONE', amount_minor, signed_minor) AS signed_minor, toString(currency) AS currency, invoice_number,
        -- Which kind of document, where it is none of the payer's money.
        multiIf(
            direction != 'NONE', '',
            match(posting_reference, '^C[A-P]{14}P[0-9]+U[0-9]+$'), 'credit_memo_application_reversal',
            match(posting_reference, '^C[A-P]{14}P[0-9]+$'), 'credit_memo_application',
            match(posting_reference, 'P[0-9]+U[0-9]+$'), 'on_account_application_reversal',
            match(posting_reference, 'P[0-9]+$'), 'on_account_application',
            match(posting_reference, 'W[0-9]+U[0-9]+$'), 'write_off_reversal', 'write_off') AS rule, toInt32(0) AS rule_version, emptyArrayString() AS agrees, emptyArrayString() AS differs,
        '' AS runner_up, toInt32(0) AS runner_up_distance_hundredths, '' AS decided_by,
        multiIf(detail != '', detail, netted_with != '', concat('with ', netted_with), abas_document_number) AS detail,
        toString(reason) AS reason, value_on, source_partition, source_offset
    FROM fct_entries FINAL
    WHERE record_type != 'PaymentMatched'
    UNION ALL
    SELECT
        occurred_at, 'PaymentMatched', posting_reference, amount_minor, toString(currency), invoice_number, toString(rule),
        rule_version, agrees, differs, runner_up, runner_up_distance_hundredths, toString(decided_by), '', '',
        NULL, source_partition, source_offset
    FROM fct_matches FINAL
    UNION ALL
    SELECT
        occurred_at, 'MatchSuggested', posting_reference, arraySum(part -> toInt128(part), part_amounts), toString(currency),
        arrayStringConcat(invoice_numbers, ', '), toString(rule), rule_version, agrees, differs, '', margin_hundredths, '',
        concat(suggestion_code, ', ', toString(suggestion_number), ' of ', toString(suggestion_count)), toString(kind),
        NULL, source_partition, source_offset
    FROM fct_suggestions FINAL
    UNION ALL
    SELECT
        occurred_at, if(outcome = 'TAKEN', 'DecisionTaken', 'DecisionRefused'), posting_reference, 0, '',
        arrayStringConcat(abas_open_item_ids, ', '), toString(decision), 0, emptyArrayString(), emptyArrayString(), '', 0,
        if(approved_by = '', toString(decided_by), concat(decided_by, ', approved by ', approved_by, ',')),
        refused_because, reason, NULL, source_partition, source_offset
    FROM fct_decisions FINAL
    UNION ALL
    -- Before it is money it has no posting reference: it stands under its transaction.
    SELECT
        occurred_at, toString(record_type), paytrace_transaction_id,
        signed_minor,
        if(isNull(amount_minor), '', toString(currency)), invoice_number, '', 0,
        emptyArrayString(), emptyArrayString(), '', 0, '', said, toString(reason),
        NULL, source_partition, source_offset
    FROM fct_unrecognized FINAL
    UNION ALL
    -- Nor has it one before its customer is known.
    SELECT
        occurred_at, toString(record_type), paytrace_transaction_id, signed_minor, toString(currency), invoice_number, '', 0,
        emptyArrayString(), emptyArrayString(), '', 0, '',
        if(record_type = 'PaymentIdentified', abas_customer_id, detail), toString(reason), NULL,
        source_partition, source_offset
    FROM fct_movements FINAL
    WHERE record_type IN ('PaymentAwaitsReference', 'PaymentAwaitsRisk', 'PaymentIdentified') AND movement_id IN
        (SELECT movement_id FROM fct_movements FINAL WHERE record_type IN ('PaymentAwaitsReference', 'PaymentAwaitsRisk'))
),
disputes AS
(
    SELECT
        occurred_at, toString(record_type) AS what, concat('dispute ', dispute_id) AS posting_reference,
        -charged_back_minor AS signed_minor, toString(currency) AS currency, '' AS invoice_number, '' AS rule,
        toInt32(0) AS rule_version, emptyArrayString() AS agrees, emptyArrayString() AS differs, '' AS runner_up,
        toInt32(0) AS runner_up_distance_hundredths, '' AS decided_by,
        concat(raw_stage, if(reason_code = '', '', concat(', reason code ', reason_code)), ', of ', toString(entered_on),
            if(paytrace_transaction_id = '', ', names no payment', concat(', payment ', paytrace_transaction_id)))
            AS detail,
        toString(fact) AS reason, CAST(NULL AS Nullable(Date32)) AS value_on, source_partition, source_offset
    FROM fct_dispute_events FINAL
    WHERE record_type = 'DisputeRecorded' AND (settlement_account, dispute_id) IN disputed
),
-- Bank lines by their own id, by a line that they pay out or might (1:CAPTURED), by that line's payment, or by their batch.
banked AS
(
    SELECT DISTINCT settlement_account, bank_line_id
    FROM fct_deposit_events FINAL
    WHERE bank_line_id != '' AND (bank_line_id = {id:String}
        OR arrayExists(line -> line = {id:String} OR startsWith(line, concat({id:String}, ':')), line_ids))
    UNION DISTINCT
    SELECT settlement_account, line_id
    FROM fct_settlement_lines FINAL
    WHERE term = 'deposited' AND (line_id = {id:String} OR batch_number IN
        (SELECT batch_number FROM fct_settlement_batches FINAL WHERE batch_id = {id:String}))
),
deposits AS
(
    SELECT
        occurred_at, toString(record_type) AS what, concat('bank line ', bank_line_id) AS posting_reference,
        toInt128(if(record_type = 'DepositMissing', open_minor, deposit_minor)) AS signed_minor,
        toString(currency) AS currency, '' AS invoice_number, toString(rule) AS rule, toInt32(0) AS rule_version,
        evidence AS agrees, emptyArrayString() AS differs, '' AS runner_up, toInt32(0) AS runner_up_distance_hundredths,
        toString(decided_by) AS decided_by,
        multiIf(detail != '', detail, suggestion_code != '', concat(suggestion_code, ', ', arrayStringConcat(line_ids, ', ')),
            concat(arrayStringConcat(line_ids, ', '), if(why = '', '', concat(' (', why, ')')))) AS detail,
        toString(reason) AS reason, CAST(NULL AS Nullable(Date32)) AS value_on, source_partition, source_offset
    FROM fct_deposit_events FINAL
    WHERE (settlement_account, bank_line_id) IN banked
)
SELECT
    occurred_at, what, posting_reference, signed_minor, currency, invoice_number, rule, rule_version, agrees, differs,
    runner_up, runner_up_distance_hundredths, decided_by, reason, detail, value_on, source_partition, source_offset
FROM
(
    SELECT * FROM steps WHERE posting_reference IN concerned
    UNION ALL
    SELECT * FROM disputes
    UNION ALL
    SELECT * FROM deposits
)
ORDER BY
    startsWith(posting_reference, 'bank line '),
    startsWith(posting_reference, 'dispute '),
    -- What came before the money had a customer stands in other journals.
    what NOT IN ('PaymentStatusUnrecognized', 'PaymentStatusRecognized', 'PaymentAwaitsReference', 'PaymentAwaitsRisk',
        'PaymentIdentified'),
    source_partition,
    source_offset
