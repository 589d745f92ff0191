-- A search's settings in words, NULL of an exact search of one stage: M 16 ef 128/64, rescored by
-- fp32 x4. A graph for building has no expansion_search. `cmr.report.named` says the same.
search_words(m, add_, search_, fine, times_) as
    (
        nullif(
            concat_ws(
                ', ',
                'M ' || m || ' ef ' || add_ || coalesce('/' || search_, ''),
                'rescored by ' || fine || ' x' || times_
            ),
            ''
        )
    )
