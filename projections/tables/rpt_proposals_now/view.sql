CREATE OR REPLACE VIEW rpt_proposals_now AS
SELECT
    proposed.proposal_id AS proposal_id,
    multiIf(
        ended.how = 'ProposalApproved', 'approved',
        ended.how = 'ProposalRejected', 'rejected',
        ended.how = 'ProposalExpired' OR proposed.expires_at <= now64(6, 'UTC'), 'expired',
        'open') AS status,
    proposed.summary AS summary,
    proposed.amount_minor AS amount_minor,
    toString(proposed.currency) AS currency,
    toString(proposed.person) AS proposed_by,
    proposed.reason AS reason,
    proposed.occurred_at AS proposed_at,
    proposed.expires_at AS expires_at,
    toString(ended.ended_by) AS decided_by,
    ended.because AS decided_because
FROM
(
    SELECT * FROM fct_proposals FINAL WHERE record_type = 'CommandProposed'
) AS proposed
LEFT JOIN
(
    SELECT proposal_id, toString(any(record_type)) AS how, any(person) AS ended_by, any(reason) AS because
    FROM fct_proposals FINAL
    WHERE record_type != 'CommandProposed'
    GROUP BY proposal_id
) AS ended ON ended.proposal_id = proposed.proposal_id
COMMENT 'Each proposal with what became of it; one that nobody approved in time is expired'
