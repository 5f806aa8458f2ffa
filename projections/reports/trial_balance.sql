-- What do our ledger and abas hold on each role of accounts, and what explains the difference?
-- One row for each currency and role, a debit above zero. ledger is the sum of the journal, abas that of the documents
-- that abas holds. The difference is what is asked for and not answered yet, what waits for an account, what abas refused,
-- and what is unapplied: money that PayTrace proved and no document of a customer has applied yet. It is in clearing here
-- (on bank where a customer paid into the bank account) and on no account in abas. residual, what is left over, must be 0.
-- shown is what abas itself shows on the accounts of a role, as of its last read, null where it was not read or an account
-- plays several roles. It is abas plus what stood there before us (opening), what others post there, what was
-- posted since the read, and unexplained, which must be 0 (saldo report account_balances).
WITH
ledger AS
(
    SELECT toString(currency) AS currency, toString(role) AS role, sum(toInt128(amount_minor)) AS minor
    FROM fct_journal_lines FINAL
    GROUP BY currency, role
),
-- A look-up that finds the document again says so again; it is one document.
posted AS
(
    SELECT *
    FROM fct_document_lines FINAL
    ORDER BY source_offset
    LIMIT 1 BY posting_reference, document_id, row_index
),
abas AS
(
    SELECT toString(currency) AS currency, toString(role) AS role, sum(toInt128(amount_minor)) AS minor
    FROM posted
    WHERE settlement_account != ''
    GROUP BY currency, role
),
open AS
(
    SELECT
        toString(lines.currency) AS currency,
        toString(lines.role) AS role,
        sumIf(toInt128(lines.amount_minor), documents.state = 'asked') AS asked_minor,
        sumIf(toInt128(lines.amount_minor), documents.state = 'waiting') AS waiting_minor,
        sumIf(toInt128(lines.amount_minor), documents.state = 'refused') AS refused_minor
    FROM fct_journal_lines AS lines FINAL
    INNER JOIN rpt_ledger_documents_now AS documents ON documents.posting_reference = lines.posting_reference
    WHERE lines.is_asked_for AND documents.state IN ('asked', 'waiting', 'refused')
    GROUP BY currency, role
),
-- Money that customers paid into the bank account is on bank, all other on clearing.
transfers AS
(
    SELECT paytrace_transaction_id
    FROM fct_journal_lines FINAL
    WHERE paytrace_transaction_id != '' AND posting_reference = '' AND role IN ('bank', 'unapplied')
    GROUP BY paytrace_transaction_id, entry_id
    HAVING uniqExact(role) = 2
),
unapplied AS
(
    SELECT
        toString(currency) AS currency,
        sum(toInt128(amount_minor)) AS minor,
        sumIf(toInt128(amount_minor), paytrace_transaction_id IN (SELECT paytrace_transaction_id FROM transfers)) AS of_bank
    FROM fct_journal_lines FINAL
    WHERE role = 'unapplied'
    GROUP BY currency
),
shown AS
(
    SELECT
        currency,
        roles[1] AS role,
        sum(shown_minor) AS minor,
        sum(opening_minor) AS opening_minor,
        sum(others_minor) AS others_minor,
        sum(unexplained_minor) AS unexplained_minor
    FROM rpt_account_balances
    WHERE length(roles) = 1 AND status != 'not shown'
    GROUP BY currency, role
),
roles AS
(
    SELECT currency, role FROM ledger
    UNION DISTINCT
    SELECT currency, role FROM abas
)
SELECT
    roles.currency AS currency,
    roles.role AS role,
    ledger.minor AS ledger_minor,
    abas.minor AS abas_minor,
    ledger_minor - abas_minor AS difference_minor,
    open.asked_minor AS asked_minor,
    open.waiting_minor AS waiting_minor,
    open.refused_minor AS refused_minor,
    multiIf(
        roles.role = 'clearing', unapplied.of_bank - unapplied.minor,
        roles.role = 'bank', -unapplied.of_bank,
        roles.role = 'unapplied', unapplied.minor,
        0
    ) AS unapplied_minor,
    difference_minor - asked_minor - waiting_minor - refused_minor - unapplied_minor AS residual_minor,
    if(shown.role = '', NULL, shown.minor) AS shown_minor,
    if(shown.role = '', NULL, shown.opening_minor) AS opening_minor,
    if(shown.role = '', NULL, shown.others_minor) AS others_minor,
    if(shown.role = '', NULL, shown.unexplained_minor) AS unexplained_minor
FROM roles
LEFT JOIN ledger ON ledger.currency = roles.currency AND ledger.role = roles.role
LEFT JOIN abas ON abas.currency = roles.currency AND abas.role = roles.role
LEFT JOIN open ON open.currency = roles.currency AND open.role = roles.role
LEFT JOIN shown ON shown.currency = roles.currency AND shown.role = roles.role
LEFT JOIN unapplied ON unapplied.currency = roles.currency
ORDER BY currency, role
