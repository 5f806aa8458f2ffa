-- What happened to one payment, from PayTrace's own words to the document in abas?
-- One row for each record about the transaction or a refund of it, as it was written, an entry of the ledger with its
-- lines (minor units, a debit above zero); each names its topic, partition and offset, and the inbox record that caused it.
-- parameter paytrace_transaction_id String: the transaction
-- period occurred_at: when it happened
WITH
transactions AS
(
    SELECT {paytrace_transaction_id:String} AS id
    UNION DISTINCT
    SELECT refund_transaction_id
    FROM fct_records FINAL
    WHERE paytrace_transaction_id = {paytrace_transaction_id:String} AND refund_transaction_id != ''
),
-- Dead letters and what became of them name the inbox record; the dead letter knows whose payment is in it.
parked AS
(
    SELECT inbox_topic, inbox_partition, inbox_offset, paytrace_transaction_id
    FROM fct_dead_letters FINAL
    WHERE paytrace_transaction_id IN transactions
    ORDER BY source_offset
    LIMIT 1 BY inbox_topic, inbox_partition, inbox_offset
)
SELECT
    recorded_at,
    occurred_at,
    paytrace_transaction_id,
    record_type,
    amount_minor,
    currency,
    arrayStringConcat(
        arrayFilter(
            word -> word != '',
            [
                JSONExtractString(body, 'raw_status'),
                JSONExtractString(body, 'dispute_id'),
                JSONExtractString(body, 'raw_stage'),
                JSONExtractString(body, 'reason_code'),
                JSONExtractString(body, 'entered_on'),
                JSONExtractString(body, 'movement'),
                if(JSONExtractString(body, 'value_on') = '', '', concat('value date ', JSONExtractString(body, 'value_on'))),
                JSONExtractString(body, 'reason'),
                JSONExtractString(body, 'detail'),
                JSONExtractString(body, 'identified_by'),
                JSONExtractString(body, 'token'),
                arrayStringConcat(JSONExtract(body, 'abas_customer_ids', 'Array(String)'), ', '),
                JSONExtractString(body, 'to_customer_id'),
                JSONExtractString(body, 'decided_by'),
                JSONExtractString(body, 'direction'),
                JSONExtractString(body, 'rule'),
                JSONExtractString(body, 'abas_open_item_id'),
                JSONExtractString(body, 'netted_with'),
                JSONExtractString(body, 'abas_document_number'),
                JSONExtractString(body, 'document_number'),
                if(startsWith(record_type, 'Document') OR record_type = 'PostDocument', JSONExtractString(body, 'kind'), ''),
                if(
                    record_type = 'JournalEntryMade',
                    concat(
                        JSONExtractString(body, 'kind'),
                        ': ',
                        arrayStringConcat(
                            arrayMap(
                                line -> concat(
                                    JSONExtractString(line, 'role'), ' ', toString(JSONExtractInt(line, 'amount_minor'))
                                ),
                                JSONExtractArrayRaw(body, 'lines')
                            ),
                            ', '
                        )
                    ),
                    ''
                ),
                JSONExtractString(body, 'code'),
                JSONExtractString(body, 'message'),
                posting_reference
            ]
        ),
        ' | '
    ) AS what,
    source_topic,
    source_partition,
    source_offset,
    if(upstream_topic = '', '', concat(upstream_topic, '/', toString(upstream_partition), '/', toString(upstream_offset)))
        AS caused_by
FROM
(
    SELECT
        recorded_at, occurred_at, paytrace_transaction_id, record_type, amount_minor, currency, body, posting_reference,
        source_topic, source_partition, source_offset, row_index, upstream_topic, upstream_partition, upstream_offset
    FROM fct_records FINAL
    WHERE paytrace_transaction_id IN transactions
    UNION ALL
    SELECT
        records.recorded_at, records.occurred_at, parked.paytrace_transaction_id, records.record_type, records.amount_minor,
        records.currency, records.body, records.posting_reference, records.source_topic, records.source_partition,
        records.source_offset, records.row_index, records.upstream_topic, records.upstream_partition,
        records.upstream_offset
    FROM
    (
        SELECT
            *,
            JSONExtractString(body, 'topic') AS inbox_topic,
            JSONExtract(body, 'partition', 'Int32') AS inbox_partition,
            JSONExtract(body, 'offset', 'Int64') AS inbox_offset
        FROM fct_records FINAL
        WHERE paytrace_transaction_id = ''
            AND record_type IN ('DeadLetter', 'RecordParked', 'ParkedRecordReleased', 'ParkedRecordDiscarded')
    ) AS records
    INNER JOIN parked USING (inbox_topic, inbox_partition, inbox_offset)
)
ORDER BY
    recorded_at,
    indexOf(
        [
            'payments.observations.v1', 'payments.events.v1', 'identification.inbox.v1', 'identification.events.v1',
            'receivables.inbox.v1', 'receivables.events.v1', 'erp.commands.v1', 'erp.outcomes.v1', 'ledger.inbox.v1',
            'ledger.entries.v1'
        ],
        source_topic
    ),
    source_partition,
    source_offset,
    row_index
