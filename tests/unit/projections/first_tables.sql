CREATE TABLE IF NOT EXISTS fct_account_balances
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    account String,
    currency LowCardinality(String),
    balance_minor Int64,
    observed_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (account, currency, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each balance that abas showed, a debit above zero'
;
CREATE TABLE IF NOT EXISTS fct_alerts
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    alert_id String,
    about String,
    condition LowCardinality(String),
    rule_name LowCardinality(String),
    severity LowCardinality(String),
    receivers String,
    title String,
    detail String,
    remedy String,
    item_count Int64,
    amount_minor Nullable(Int64),
    currency LowCardinality(String),
    person LowCardinality(String),
    reason String,
    since_at Nullable(DateTime64(6, 'UTC')),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (alert_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What people were alerted to, who took it on, and what ended it'
;
CREATE TABLE IF NOT EXISTS fct_case_notes
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    case_name String COMMENT '<place>/<posting reference or transaction id>',
    assignee String COMMENT 'who looks after it since then; empty for nobody, and of a comment',
    decided_by String,
    reason String COMMENT 'of a comment, the comment',
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (case_name, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Who looks after money that waits, and what people said of it'
;
CREATE TABLE IF NOT EXISTS fct_charge_holds
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    vault_customer_id String,
    paytrace_transaction_id String COMMENT 'payment that the code is of; empty of a release',
    code_kind LowCardinality(String),
    code LowCardinality(String),
    meaning String,
    is_held Int64,
    most_entries Nullable(Int32) COMMENT 'entries of this amount in all; null refuses every charge',
    noticed_on Nullable(Date32),
    decided_by LowCardinality(String),
    reason String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (vault_customer_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each hold of charges by a code, and each release by a person'
;
CREATE TABLE IF NOT EXISTS fct_customer_links
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    data_subject String COMMENT 'vault customer, as sources name it: paytrace/<merchant>/<id>',
    vault_customer_id String,
    abas_customer_id String COMMENT 'customer that it is linked to, or was; empty of one that waits',
    why LowCardinality(String) COMMENT 'why a rule links nobody; empty of a link',
    evidence String COMMENT 'what agrees, or what speaks for whom',
    decided_by LowCardinality(String),
    reason String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (data_subject, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each link, its end, each reason for waiting, each contest, each creation in abas, each that is left'
;
CREATE TABLE IF NOT EXISTS fct_customer_values
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    data_subject String COMMENT 'vault customer, as sources name it: paytrace/<merchant>/<id>',
    vault_customer_id String,
    field LowCardinality(String) COMMENT 'name, email, phone, billing or shipping',
    stands LowCardinality(String) COMMENT 'whose value stands: abas or paytrace; empty where both agree',
    why LowCardinality(String) COMMENT 'of a difference: never the same, other changed, both changed; of a refusal its code',
    detail String COMMENT 'what the other side said of a refusal',
    is_waiting Int64 COMMENT '1 where nothing is written before a person decides',
    decided_by LowCardinality(String),
    reason String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (data_subject, field, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One step of one value: no value itself, which stays sealed where it is'
;
CREATE TABLE IF NOT EXISTS fct_dead_letters
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    inbox_topic LowCardinality(String),
    inbox_partition Int32,
    inbox_offset Int64,
    task LowCardinality(String),
    record_key String,
    record_type LowCardinality(String),
    record_event_id String,
    paytrace_transaction_id String,
    movement_id String,
    posting_reference String,
    abas_customer_id String,
    signed_minor Int64,
    currency LowCardinality(String),
    occurred_at Nullable(DateTime64(6, 'UTC')),
    behind Nullable(Int64),
    error_type LowCardinality(String),
    message String,
    stack_digest String,
    received_at DateTime64(6, 'UTC'),
    value_bytes Int64
)
ENGINE = ReplacingMergeTree
ORDER BY (inbox_topic, inbox_partition, inbox_offset, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What each dead letter holds, and how much money is in it'
;
CREATE TABLE IF NOT EXISTS fct_decisions
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    command_id String,
    outcome LowCardinality(String),
    decision LowCardinality(String),
    abas_customer_id String,
    posting_reference String,
    abas_open_item_ids Array(String),
    decided_by LowCardinality(String),
    authenticated_by LowCardinality(String),
    approved_by LowCardinality(String),
    reason String,
    refused_because String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (command_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What people decided about waiting and matched money, carried out or refused'
;
CREATE TABLE IF NOT EXISTS fct_deposit_events
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    bank_line_id String,
    deposit_id String,
    line_ids Array(String),
    deposit_minor Int64,
    fee_minor Int64,
    rest_minor Int64,
    carried_minor Int64,
    expected_fee_minor Int64,
    open_minor Int64,
    currency LowCardinality(String),
    schedule_version LowCardinality(String),
    rule LowCardinality(String),
    evidence Array(String),
    suggestion_code String,
    reason LowCardinality(String),
    detail String,
    decided_by String,
    why String,
    book_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, bank_line_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What became of each bank line and of money that no bank line pays out, event by event'
;
CREATE TABLE IF NOT EXISTS fct_deposit_reports
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    deposit_id String,
    reported_on Date32,
    gross_minor Nullable(Int64),
    net_minor Int64,
    difference_minor Int64,
    currency LowCardinality(String),
    source_file String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, deposit_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each deposit as the processor reported it; the newest of a deposit has its highest source_offset'
;
CREATE TABLE IF NOT EXISTS fct_dispute_deadlines
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    dispute_id String,
    paytrace_transaction_id String,
    deadline_on Nullable(Date32) COMMENT 'last day on which an answer counts; null when none is due any more',
    days_left Nullable(Int32) COMMENT 'days until then when it was reported',
    stage LowCardinality(String),
    reason_code LowCardinality(String),
    amount_minor Int64,
    currency LowCardinality(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, dispute_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Until when each dispute must be answered, each warning before, and that the day passed'
;
CREATE TABLE IF NOT EXISTS fct_dispute_events
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    dispute_id String,
    paytrace_transaction_id String,
    fact LowCardinality(String) COMMENT 'what happened; empty for what a payment heard',
    stage LowCardinality(String) COMMENT 'the fact that decides since then; empty for what a payment heard',
    raw_stage String,
    reason_code LowCardinality(String),
    amount_minor Int64,
    disputed_minor Int64 COMMENT 'what is in dispute; 0 for what a payment heard',
    previous_minor Int64,
    charged_back_minor Int64 COMMENT 'what the dispute takes since then',
    lost_minor Int64 COMMENT 'what of that is lost for good since then',
    currency LowCardinality(String),
    reopens_invoice Bool COMMENT 'whether the customer\'s invoice is open again at once (policy reopen)',
    entered_on Date32,
    deadline_on Nullable(Date32) COMMENT 'last day on which an answer counts since then',
    origin String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, dispute_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each fact of a dispute, and what it did to its payment'
;
CREATE TABLE IF NOT EXISTS fct_document_lines
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    kind LowCardinality(String),
    posting_reference String,
    document_id String,
    document_number String,
    role LowCardinality(String),
    account String COMMENT 'in the ERP, after the label of its company where there are several',
    is_customers_account Bool,
    is_only_ours Bool COMMENT 'nobody but Saldo posts on an account of this role',
    cost_centre String,
    tax_code String,
    product_category String COMMENT 'of a document that has a line for each of several',
    amount_minor Int64,
    currency LowCardinality(String),
    value_on String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, role, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each line of each document that the ERP holds. Amounts are signed, a debit above zero'
;
CREATE TABLE IF NOT EXISTS fct_documents
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    kind LowCardinality(String),
    posting_reference String,
    paytrace_transaction_id String,
    subject_kind LowCardinality(String),
    subject String,
    abas_customer_id String,
    settlement_account LowCardinality(String),
    dispute_id String,
    is_payer_money Bool,
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    open_item String,
    reverses_reference String,
    document_id String,
    document_number String,
    code LowCardinality(String),
    message String,
    field_name LowCardinality(String),
    value_on Nullable(Date32) COMMENT 'the day that the document bears',
    posted_on Nullable(Date32) COMMENT 'the day it was to be posted on, where the period of value_on is closed',
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each document that was asked of the ERP, and what the ERP made of it'
;
CREATE TABLE IF NOT EXISTS fct_entries
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    posting_reference String,
    paytrace_transaction_id String,
    abas_customer_id String,
    direction LowCardinality(String),
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    invoice_number String,
    abas_open_item_id String,
    refunds_transaction_id String,
    rule LowCardinality(String),
    evidence Array(String),
    reason LowCardinality(String),
    detail String,
    document_kind LowCardinality(String),
    reverses_reference String,
    takes_from_reference String,
    netted_with String,
    moved_to String,
    command_id String,
    abas_document_id String,
    abas_document_number String,
    value_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The life of each receivables entry, event by event'
;
CREATE TABLE IF NOT EXISTS fct_erp_customers
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    abas_customer_id String,
    data_subject String COMMENT 'whose name it is: abas/<number>',
    name String COMMENT 'sealed; [erased] once its key is destroyed, empty where abas has none',
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (abas_customer_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Customers of abas as they were shown'
;
CREATE TABLE IF NOT EXISTS fct_fee_schedules
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    version Int32,
    card_type LowCardinality(String),
    rate_bps Int64,
    per_item_minor Int64,
    currency LowCardinality(String),
    batch_count Int32,
    explained_count Int32,
    worst_difference_minor Int64,
    accepted_by String,
    why String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, version, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Fee schedules that were proposed and accepted, one row for each card type'
;
CREATE TABLE IF NOT EXISTS fct_file_lines
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    file_digest String,
    row_number Int32 COMMENT 'row of a table, 1 is its first line; of a bank statement which line it is',
    record_type LowCardinality(String),
    settlement_account LowCardinality(String),
    id String COMMENT 'the dispute, deposit or bank line',
    what LowCardinality(String) COMMENT 'the fact of a dispute; empty for others',
    amount_minor Int64 COMMENT 'as the row states it; below zero where the bank or processor takes money',
    currency LowCardinality(String),
    on_day Date32
)
ENGINE = ReplacingMergeTree
ORDER BY (file_digest, row_number, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which row of which file says what; a line that several files hold has a row for each'
;
CREATE TABLE IF NOT EXISTS fct_files
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    file_digest String,
    purpose LowCardinality(String),
    merchant LowCardinality(String) COMMENT 'empty where its rows name several',
    file_name String,
    byte_count Int64,
    row_count Int32,
    origin LowCardinality(String) COMMENT 'command, folder or upload',
    observed_at DateTime64(6, 'UTC') COMMENT 'when these bytes were read for the first time'
)
ENGINE = ReplacingMergeTree
ORDER BY (file_digest, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each file that was given to Saldo, each time that somebody brought it; its rows are on files.v1'
;
CREATE TABLE IF NOT EXISTS fct_journal_lines
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    entry_id String,
    kind LowCardinality(String),
    about_id String,
    paytrace_transaction_id String,
    posting_reference String,
    is_asked_for Bool,
    role LowCardinality(String),
    amount_minor Int64,
    currency LowCardinality(String),
    base_minor Nullable(Int64),
    base_currency LowCardinality(String),
    value_on Date32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, role, entry_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each line of the ledger\'s journal. Amounts are signed, a debit above zero; the lines of an entry sum to zero'
;
CREATE TABLE IF NOT EXISTS fct_ledger_documents
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    posting_reference String,
    state LowCardinality(String),
    waits_for LowCardinality(String),
    detail String,
    mapping_version LowCardinality(String),
    document_number String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What became of each document that the ledger asks for, step by step: asked, waiting, posted or netted'
;
CREATE TABLE IF NOT EXISTS fct_matches
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    posting_reference String,
    paytrace_transaction_id String,
    abas_customer_id String,
    abas_open_item_id String,
    invoice_number String,
    amount_minor Int64,
    currency LowCardinality(String),
    rule LowCardinality(String),
    rule_version Int32,
    agrees Array(String),
    differs Array(String),
    score_hundredths Int32,
    runner_up String,
    runner_up_distance_hundredths Int32,
    decided_by LowCardinality(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each match of a receipt with an open item, with the evidence and who decided'
;
CREATE TABLE IF NOT EXISTS fct_movements
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    stage UInt8,
    movement_id String,
    paytrace_transaction_id String,
    movement LowCardinality(String),
    signed_minor Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    method LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    token String,
    abas_customer_id String,
    reason LowCardinality(String),
    detail String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (movement_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The way of each money movement, from the question whose it is to the entries of a customer'
;
CREATE TABLE IF NOT EXISTS fct_next_steps
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    paytrace_transaction_id String,
    code_kind LowCardinality(String),
    code LowCardinality(String) COMMENT 'empty where none was said',
    code_class LowCardinality(String) COMMENT 'what it counts as: unauthorised, administrative; never, fraud, hard, soft',
    meaning String,
    next_step LowCardinality(String),
    correct LowCardinality(String) COMMENT 'which data must be corrected, never the data',
    correct_by_on Nullable(Date32),
    again_on Nullable(Date32) COMMENT 'first day of the next try',
    most_entries Nullable(Int32) COMMENT 'entries in all',
    entries_days Nullable(Int32),
    stops_charges Int64,
    vault_customer_id String,
    amount_minor Int64,
    currency LowCardinality(String),
    noticed_on Date32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What a code allows next, each time it was said; the latest of a payment and kind counts'
;
CREATE TABLE IF NOT EXISTS fct_observations
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    paytrace_transaction_id String,
    merchant LowCardinality(String),
    kind LowCardinality(String),
    raw_kind LowCardinality(String),
    status LowCardinality(String),
    raw_status LowCardinality(String),
    raw_amount Nullable(String),
    unreadable Nullable(String),
    raw_response_code LowCardinality(String),
    method LowCardinality(String),
    amount_minor Int64,
    currency LowCardinality(String),
    approval_code String,
    invoice_number String,
    vault_customer_id String,
    description String,
    card_last_four String,
    avs_response LowCardinality(String),
    csc_response LowCardinality(String),
    batch_number Nullable(Int32),
    return_code LowCardinality(String),
    created_at DateTime64(6, 'UTC'),
    created_on Date32,
    settled_at Nullable(DateTime64(6, 'UTC')),
    observed_at DateTime64(6, 'UTC'),
    observed_on Date32,
    observed_by LowCardinality(String),
    raw String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Observations of PayTrace transactions, our reading beside the words of the source'
;
CREATE TABLE IF NOT EXISTS fct_open_items
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    abas_open_item_id String,
    abas_customer_id String,
    invoice_number String,
    amount_minor Int64,
    open_minor Int64,
    currency LowCardinality(String),
    due_on Nullable(Date32),
    is_open Bool,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (abas_open_item_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Changes of open items as receivables recorded them'
;
CREATE TABLE IF NOT EXISTS fct_orders
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    shop_order String COMMENT '<shop>/<order id>',
    step LowCardinality(String),
    status LowCardinality(String) COMMENT 'status in the shop, of the payment, written, decided; why it waits',
    reference String COMMENT 'number that people know: of order, sales order, document, customer',
    paytrace_transaction_id String,
    amount_minor Int64 COMMENT '0 where the step has none',
    currency LowCardinality(String) COMMENT 'empty where the step has no amount',
    detail String,
    decided_by LowCardinality(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (shop_order, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each step of an order, as it was recorded'
;
CREATE TABLE IF NOT EXISTS fct_parking
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    change LowCardinality(String),
    inbox_topic LowCardinality(String),
    inbox_partition Int32,
    inbox_offset Int64,
    record_key String,
    behind Nullable(Int64),
    error_type LowCardinality(String),
    message String,
    stack_digest String,
    requested_by String,
    reason String,
    is_held Bool
)
ENGINE = ReplacingMergeTree
ORDER BY (inbox_topic, inbox_partition, inbox_offset, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What the journals say about parked records: PARKED, RELEASED, DISCARDED'
;
CREATE TABLE IF NOT EXISTS fct_payment_events
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    paytrace_transaction_id String,
    merchant LowCardinality(String),
    method LowCardinality(String),
    term LowCardinality(String) COMMENT 'term of the bridge; empty where no money moved',
    term_minor Int64 COMMENT 'what it adds to that term',
    amount_minor Int64,
    currency LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    card_last_four String,
    refund_transaction_id String,
    batch_number Nullable(Int32),
    detail String,
    settled_at Nullable(DateTime64(6, 'UTC')),
    value_on Date32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'What happened to each payment'
;
CREATE TABLE IF NOT EXISTS fct_payment_methods
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    data_subject String COMMENT 'vault customer, as sources name it: paytrace/<merchant>/<id>',
    vault_customer_id String,
    method LowCardinality(String),
    change LowCardinality(String) COMMENT 'ADDED, CHANGED or REMOVED',
    card_brand LowCardinality(String) COMMENT 'empty where the gateway names none',
    card_last_four String COMMENT 'of a removed card those that it had; empty of a bank account',
    card_expires_on Nullable(Date32),
    card_fingerprint String COMMENT 'equal for equal cards; empty where the gateway gives none',
    was_last_four String,
    was_expires_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (data_subject, method, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'One change of one method'
;
CREATE TABLE IF NOT EXISTS fct_proposals
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    proposal_id String,
    command_type LowCardinality(String),
    summary String,
    amount_minor Int64,
    currency LowCardinality(String),
    person LowCardinality(String),
    reason String,
    expires_at DateTime64(6, 'UTC'),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (proposal_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Commands that need a second person, and what that person said'
;
CREATE TABLE IF NOT EXISTS fct_rates
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    currency_pair LowCardinality(String),
    rate_provider LowCardinality(String),
    rate_on Nullable(Date32),
    rate String,
    shown_rate String,
    previous_rate String,
    paytrace_transaction_id String,
    value_on Nullable(Date32),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (currency_pair, rate_provider, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each rate that was recorded or corrected, each payment that was valued by one, and each that waits for one'
;
CREATE TABLE IF NOT EXISTS fct_records
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    upstream_topic LowCardinality(String),
    upstream_partition Int32,
    upstream_offset Int64,
    upstream_index Int32,
    correlation_id String,
    causation_id String,
    record_type LowCardinality(String),
    record_key String,
    paytrace_transaction_id String,
    refund_transaction_id String,
    posting_reference String,
    abas_customer_id String,
    currency LowCardinality(String),
    amount_minor Int64,
    occurred_at DateTime64(6, 'UTC'),
    body String CODEC(ZSTD(1))
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Every accepted record, one row each; repeats of a row are absorbed by its source'
;
CREATE TABLE IF NOT EXISTS fct_risk
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    paytrace_transaction_id String,
    status LowCardinality(String),
    outcome LowCardinality(String),
    detail String COMMENT 'the rules that are met, or what the person said',
    is_refund Int64,
    amount_minor Int64,
    currency LowCardinality(String),
    shop_orders String,
    rules_version Int32,
    revision Int32 COMMENT 'the highest one counts',
    decided_by LowCardinality(String),
    approved_by LowCardinality(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each decision about a payment by rules of risk, or by a person'
;
CREATE TABLE IF NOT EXISTS fct_schedule_runs
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    schedule LowCardinality(String),
    due_at Nullable(DateTime64(6, 'UTC')) COMMENT 'null of a definition',
    attempt Int32,
    cron LowCardinality(String) COMMENT 'empty of a run',
    zone LowCardinality(String) COMMENT 'empty of a run',
    command String,
    is_dropped Int64 COMMENT '1 where the settings do not name it any more',
    missed_count Int64 COMMENT 'due times before this one that passed unseen',
    outcome LowCardinality(String) COMMENT 'empty of a beginning',
    exit_code Nullable(Int64),
    detail String,
    begun_by String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (schedule, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each schedule as the settings named it, each beginning and each end of a run'
;
CREATE TABLE IF NOT EXISTS fct_settlement_batches
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    batch_id String,
    merchant LowCardinality(String),
    batch_number Int32,
    settled_on Date32,
    settled_at DateTime64(6, 'UTC'),
    net_minor Int64,
    sales_minor Nullable(Int64),
    refund_minor Nullable(Int64),
    currency LowCardinality(String),
    transaction_count Nullable(Int32),
    listed_net_minor Nullable(Int64),
    listed_count Nullable(Int32),
    is_consistent Nullable(Bool),
    mismatch String,
    observed_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (batch_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each change of a settlement batch as PayTrace showed it; the newest of a batch has its highest source_offset'
;
CREATE TABLE IF NOT EXISTS fct_settlement_days
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    book_on Date32,
    is_closed Bool,
    currency LowCardinality(String),
    opening_minor Int64,
    closing_minor Int64,
    in_transit_minor Int64,
    unexplained_minor Int64,
    residual_minor Int64,
    open_bank_line_ids Array(String),
    overdue_count Int32,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, book_on, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'The bridge of each day as its agent stated it; the newest of a day has its highest source_offset'
;
CREATE TABLE IF NOT EXISTS fct_settlement_lines
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    settlement_account LowCardinality(String),
    line_id String,
    kind LowCardinality(String),
    fee_kind LowCardinality(String),
    term LowCardinality(String),
    signed_minor Int64,
    tax_minor Int64,
    bank_fee_minor Int64,
    currency LowCardinality(String),
    moved_on Date32,
    book_on Date32,
    card_type LowCardinality(String),
    batch_number Nullable(Int32),
    deposit_id String,
    dispute_id String,
    paytrace_transaction_id String,
    text String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (settlement_account, line_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each line between gateway and bank, once, with the day of the bridge on which it counts'
;
CREATE TABLE IF NOT EXISTS fct_subscription_runs
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    vault_customer_id String,
    subscription_id String COMMENT 'empty of the end of a charge, which its reference names',
    due_on Nullable(Date32),
    is_of_paytrace Int64 COMMENT '1 where PayTrace charges it by itself',
    status LowCardinality(String) COMMENT 'of a charge ASKED, DONE or REFUSED',
    amount_minor Int64,
    prorated_minor Int64 COMMENT 'part of the amount that comes from parts of periods',
    currency LowCardinality(String),
    paytrace_transaction_id String,
    linked_by LowCardinality(String),
    attempt_count Int32 COMMENT 'of a charge its number',
    next_try_on Nullable(Date32),
    why String COMMENT 'of a charge what PayTrace said',
    call_reference String,
    is_by_person Int64 COMMENT '1 where a person asked for the charge',
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (vault_customer_id, subscription_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each status of a run, each charge that was asked of PayTrace, and what came of it'
;
CREATE TABLE IF NOT EXISTS fct_subscriptions
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    vault_customer_id String,
    subscription_id String,
    is_of_paytrace Int64 COMMENT '1 where PayTrace charges it by itself',
    status LowCardinality(String),
    change LowCardinality(String) COMMENT 'what a person did; empty otherwise',
    change_on Nullable(Date32) COMMENT 'day from which terms or a change count, or the run that it means',
    amount_minor Int64,
    currency LowCardinality(String),
    frequency LowCardinality(String),
    next_due_on Nullable(Date32),
    run_count Nullable(Int32) COMMENT 'runs in all; null without end',
    credit_minor Int64 COMMENT 'what the days after its end come to, where it prorates',
    description String,
    decided_by LowCardinality(String),
    reason String,
    refused_because String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (vault_customer_id, subscription_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each status of a subscription, each setting of its terms, each change by a person, and what was refused'
;
CREATE TABLE IF NOT EXISTS fct_suggestions
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    posting_reference String,
    paytrace_transaction_id String,
    abas_customer_id String,
    amount_minor Int64,
    currency LowCardinality(String),
    suggestion_number Int32,
    suggestion_count Int32,
    abas_open_item_ids Array(String),
    invoice_numbers Array(String),
    part_amounts Array(Int64) COMMENT 'minor units of currency',
    open_amounts Array(Int64) COMMENT 'minor units of currency',
    suggestion_code String,
    kind LowCardinality(String),
    rule LowCardinality(String),
    rule_version Int32,
    score_hundredths Int32,
    margin_hundredths Int32,
    agrees Array(String),
    differs Array(String),
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (posting_reference, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Each suggestion for a receipt'
;
CREATE TABLE IF NOT EXISTS fct_unreadable
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    error_type LowCardinality(String),
    message String,
    value_bytes Int64,
    value_sha256 String,
    given_up_offset Nullable(Int64) COMMENT 'A person\'s request to give up the record at this offset of its topic and partition'
)
ENGINE = ReplacingMergeTree
ORDER BY (source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Records that the projector could not make sense of; the bytes stay in the topic'
;
CREATE TABLE IF NOT EXISTS fct_unrecognized
(
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    row_index UInt16,
    event_id String,
    recorded_at DateTime64(3, 'UTC'),
    record_type LowCardinality(String),
    paytrace_transaction_id String,
    merchant LowCardinality(String),
    method LowCardinality(String),
    kind LowCardinality(String),
    reason LowCardinality(String),
    said String,
    raw_kind String,
    raw_status String,
    raw_amount Nullable(String),
    amount_minor Nullable(Int64) COMMENT 'null where the amount could not be read',
    signed_minor Int64 COMMENT '0 where the amount could not be read',
    currency LowCardinality(String),
    invoice_number String,
    vault_customer_id String,
    card_last_four String,
    occurred_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (paytrace_transaction_id, source_topic, source_partition, source_offset, row_index)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Observations that could not be read, and when a later one could'
;
CREATE TABLE IF NOT EXISTS saldo_positions
(
    source_topic LowCardinality(String),
    source_partition Int32,
    next_offset Int64,
    high_water Array(String)
)
ENGINE = ReplacingMergeTree(next_offset)
ORDER BY (source_topic, source_partition)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Next offset of each partition, and the highest saldo-source accepted from each lane'
;
