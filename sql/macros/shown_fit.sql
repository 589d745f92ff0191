-- How a run's figures in a comparison were fitted: as in evidence, except that drawn pools, and comparisons
-- with in_sample, use the run's ordinary ranks.
shown_fit(fit, evidence_fit, protocol_name, in_sample) as
    (case when in_sample or protocol_name = 'sampled' then fit else evidence_fit end)
