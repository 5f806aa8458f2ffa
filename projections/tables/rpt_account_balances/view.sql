CREATE OR REPLACE VIEW rpt_account_balances AS
WITH
shown AS
(
    SELECT
        balances.account AS account,
        toString(balances.currency) AS of_currency,
        argMin(balances.balance_minor, (balances.observed_at, balances.source_offset)) AS first_minor,
        min(balances.observed_at) AS first_at,
        argMax(balances.balance_minor, (balances.observed_at, balances.source_offset)) AS last_minor,
        max(balances.observed_at) AS last_at
    FROM fct_account_balances AS balances FINAL
    GROUP BY account, of_currency
),
-- A look-up that finds the document again says so again; it is one document, since it was first known.
posted AS
(
    SELECT *
    FROM fct_document_lines FINAL
    WHERE amount_minor != 0 AND NOT is_customers_account
    ORDER BY source_offset
    LIMIT 1 BY posting_reference, document_id, row_index
),
asked AS
(
    SELECT facts.posting_reference AS posting_reference, min(facts.recorded_at) AS asked_at
    FROM fct_documents AS facts FINAL
    WHERE facts.record_type = 'PostDocument'
    GROUP BY posting_reference
),
-- A document that was asked for before the end of a read (30 s) and known as posted after its beginning may be in the
-- balance or not.
lines AS
(
    SELECT
        posted.account AS account,
        toString(posted.currency) AS of_currency,
        toString(posted.role) AS role,
        posted.is_only_ours AS is_only_ours,
        toInt128(posted.amount_minor) AS minor,
        posted.recorded_at <= shown.first_at AS is_in_first,
        posted.recorded_at <= shown.last_at AS is_in_last,
        NOT is_in_first AND asked.asked_at <= shown.first_at + INTERVAL 30 SECOND AS is_unsure_in_first,
        NOT is_in_last AND asked.asked_at <= shown.last_at + INTERVAL 30 SECOND AS is_unsure_in_last
    FROM posted
    LEFT JOIN shown ON shown.account = posted.account AND shown.of_currency = toString(posted.currency)
    LEFT JOIN asked ON asked.posting_reference = posted.posting_reference
),
ours AS
(
    SELECT
        account,
        of_currency,
        arraySort(groupUniqArray(role)) AS roles,
        min(is_only_ours) AS is_only_ours,
        sum(minor) AS posted_minor,
        sumIf(minor, is_in_first) AS first_held_minor,
        sumIf(minor, is_in_last) AS held_minor,
        sumIf(minor, is_unsure_in_first AND minor > 0) AS first_most_minor,
        sumIf(minor, is_unsure_in_first AND minor < 0) AS first_least_minor,
        sumIf(minor, is_unsure_in_last AND minor > 0) AS most_minor,
        sumIf(minor, is_unsure_in_last AND minor < 0) AS least_minor
    FROM lines
    GROUP BY account, of_currency
),
unanswered AS
(
    SELECT min(asked.asked_at) AS oldest_at, count() AS documents
    FROM asked
    WHERE asked.posting_reference IN (SELECT posting_reference FROM rpt_documents_now WHERE state = 'waiting')
),
compared AS
(
    SELECT
        ours.account AS account,
        ours.of_currency AS currency,
        ours.roles AS roles,
        ours.is_only_ours AS is_only_ours,
        shown.account != '' AS is_shown,
        shown.last_at AS shown_at,
        toInt128(shown.last_minor) AS shown_minor,
        ours.posted_minor AS posted_minor,
        ours.posted_minor - ours.held_minor AS since_minor,
        toInt128(shown.first_minor) - ours.first_held_minor AS at_first_minor,
        if(at_first_minor BETWEEN ours.first_least_minor AND ours.first_most_minor, 0, at_first_minor) AS opening_minor,
        shown_minor - opening_minor - ours.held_minor AS off_minor,
        off_minor BETWEEN ours.least_minor AND ours.most_minor
            OR (unanswered.documents > 0 AND unanswered.oldest_at <= shown.last_at + INTERVAL 30 SECOND) AS is_in_flight
    FROM ours
    LEFT JOIN shown ON shown.account = ours.account AND shown.of_currency = ours.of_currency
    CROSS JOIN unanswered
)
SELECT
    account,
    currency,
    roles,
    multiIf(
        NOT is_shown, 'not shown',
        off_minor = 0, 'equal',
        is_in_flight, 'in flight',
        is_only_ours, 'unexplained',
        'others'
    ) AS status,
    shown_at,
    shown_minor,
    opening_minor,
    posted_minor,
    if(is_shown, since_minor, 0) AS since_minor,
    if(status = 'in flight', off_minor, 0) AS in_flight_minor,
    if(status = 'others', off_minor, 0) AS others_minor,
    if(status = 'unexplained', off_minor, 0) AS unexplained_minor
FROM compared
COMMENT 'Each account of the ERP that our documents name: what the ERP itself shows, and what explains the difference'
