-- What a run's figures in a comparison were learnt from: as claims rest on, but of pools that were drawn, or
-- where everything is taken as it is, as its ranks.
shown_fit(fit, evidence_fit, protocol_name, in_sample) as
    (case when in_sample or protocol_name = 'sampled' then fit else evidence_fit end)
