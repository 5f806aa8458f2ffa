-- What do the codes of returns, notices of change and declines allow next?
-- One row for each payment and kind of code, the newest first. Correct names the data, never its value. Again on is the first day of
-- the next try. Is held: charges of this vault customer by payment request are refused, or bounded by most_entries, until
-- `saldo decide release-charges`.
-- period noticed_on: day of the return, notice or decline
SELECT
    noticed_on,
    step.paytrace_transaction_id AS paytrace_transaction_id,
    lower(toString(step.code_kind)) AS code_kind,
    toString(step.code) AS code,
    step.meaning AS meaning,
    toString(step.code_class) AS class,
    replaceAll(lower(toString(step.next_step)), '_', ' ') AS next_step,
    toString(step.correct) AS correct,
    step.correct_by_on AS correct_by_on,
    step.again_on AS again_on,
    step.most_entries AS most_entries,
    step.entries_days AS entries_days,
    step.vault_customer_id AS vault_customer_id,
    (step.vault_customer_id, step.paytrace_transaction_id, toString(step.code_kind)) IN
        (SELECT vault_customer_id, paytrace_transaction_id, toString(code_kind) FROM rpt_charge_holds_now) AS is_held,
    step.amount_minor AS amount_minor,
    toString(step.currency) AS currency
FROM rpt_next_steps_now AS step
ORDER BY noticed_on DESC, paytrace_transaction_id, code_kind
