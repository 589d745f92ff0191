-- The 97.5% quantile of Student's t with clusters - 1 degrees of freedom, to 1e-6: what an end of a
-- 95% interval takes. From 21 degrees on by the expansion of Abramowitz and Stegun, Handbook of
-- mathematical functions, 26.7.5. NULL with one cluster alone.
t_quantile(clusters) as
    (
        case
            when clusters <= 1 then null
            when clusters <= 21
                then [
                12.7062047, 4.3026527, 3.1824463, 2.7764451, 2.5705818, 2.4469119, 2.3646243,
                2.3060041, 2.2621572, 2.2281389, 2.2009852, 2.1788128, 2.1603687, 2.1447867,
                2.1314495, 2.1199053, 2.1098156, 2.1009220, 2.0930241, 2.0859634
                ][clusters - 1]
            else
                1.959963984540054 + 2.372271230298562 / (clusters - 1)
                + 2.8224986157396112 / (clusters - 1) ** 2
                + 2.555849679507722 / (clusters - 1) ** 3
                + 1.5895340533938225 / (clusters - 1) ** 4
        end
    )
