-- A search's settings in words, NULL of an exact search of one stage: m 16 ef 64 of an engine, M 16 ef 128/64, rescored by
-- fp32 x4. A graph for building has no expansion_search. `cmr.report.named` says the same.
search_words(options_, m, add_, search_, fine, times_) as
    (
        nullif(
            concat_ws(
                ', ',
                options_,
                'M ' || m || ' ef ' || add_ || coalesce('/' || search_, ''),
                'rescored by ' || fine || ' x' || times_
            ),
            ''
        )
    )
