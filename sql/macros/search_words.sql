-- A search's settings in words, NULL for an exact one-stage search: M 16 ef 128/64, rescored by fp32 x4. A
-- graph that is only built has no expansion_search. `cmr.report.named` does the same in Python.
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
