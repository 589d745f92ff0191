-- A share in words (half of, a quarter of), else as a percentage.
share_words(share) as
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
    )
