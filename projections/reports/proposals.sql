-- Which commands wait for a second person, and what became of the others?
-- One row for each proposal, open ones first, then the newest. `saldo approvals` decides about them.
-- period proposed_at: when it was proposed
SELECT proposal_id, status, summary, proposed_by, reason, proposed_at, expires_at, decided_by, decided_because
FROM rpt_proposals_now
ORDER BY status != 'open', proposed_at DESC, proposal_id
