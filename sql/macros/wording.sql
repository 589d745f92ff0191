-- A share in words (half of, a quarter of), else as a percentage.
create macro share_words(share) as
    (
        case round(share, 4)
            when 1.0 then 'all of'
            when 0.5 then 'half of'
            when 0.25 then 'a quarter of'
            when 0.125 then 'an eighth of'
            when 0.0625 then 'a sixteenth of'
            when 0.0313 then 'a thirty-second of'
            else case
                when share > 1 then printf('%.1f times', share) else printf('%.1f%% of', 100 * share)
            end
        end
    );

-- A search's settings in words, NULL of an exact search of one stage: m 16 ef 64 of an engine, M 16 ef 128/64, rescored by
-- fp32 x4. A graph for building has no expansion_search. `cmr.report.named` says the same.
create macro search_words(options_, m, add_, search_, fine, times_) as
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
    );
