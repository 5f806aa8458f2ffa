-- Which rules were adopted when, by whom and why?
-- One row for each adoption, newest first; `in_force` is true for the newest of its name. A worker adopts what ships where nothing
-- was adopted before; then `adopted_by` is adopt-rules. The text of each: `saldo rules show NAME`.
-- parameter rules_name String = all: such as open-item-matching; empty for all
-- period adopted_at: when it was adopted
WITH
adoptions AS
(
    SELECT
        record_key AS rules_name,
        JSONExtractInt(body, 'number') AS adoption,
        JSONExtractInt(body, 'version') AS version,
        JSONExtractString(body, 'digest') AS digest,
        JSONExtractString(body, 'requested_by') AS adopted_by,
        JSONExtractString(body, 'approved_by') AS approved_by,
        JSONExtractString(body, 'reason') AS reason,
        occurred_at AS adopted_at
    FROM fct_records FINAL
    WHERE record_type = 'RulesAccepted'
)
SELECT
    rules_name, version, adoption, adopted_at, adopted_by, approved_by, reason, digest,
    toBool(adoption = max(adoption) OVER (PARTITION BY rules_name)) AS in_force
FROM adoptions
WHERE {rules_name:String} = '' OR rules_name = {rules_name:String}
ORDER BY adopted_at DESC, rules_name, adoption DESC
