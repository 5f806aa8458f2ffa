-- What does the processor charge, by what was learned and what was accepted?
-- One row for each schedule and card type, newest first. A proposal explains nothing until it is accepted.
-- period proposed_at: when it was learned
SELECT
    settlement_account,
    version,
    if(max(record_type = 'FeeScheduleAccepted'), 'accepted', 'proposed') AS status,
    card_type,
    any(rate_bps) AS rate_bps,
    any(per_item_minor) AS per_item_minor,
    any(currency) AS currency,
    any(batch_count) AS batch_count,
    any(explained_count) AS explained_count,
    any(worst_difference_minor) AS worst_difference_minor,
    max(accepted_by) AS accepted_by,
    max(why) AS why,
    min(occurred_at) AS proposed_at
FROM fct_fee_schedules FINAL
GROUP BY settlement_account, version, card_type
ORDER BY settlement_account, version DESC, card_type
