-- The 97.5% quantile of Student's t with clusters - 1 degrees of freedom, to 1e-6, for an end of a 95%
-- interval. When choosing among `looks` figures, the quantile for which all ends together miss in at most
-- 2.5% (Bonferroni). From 21 degrees on, and for several looks, by the expansion of Abramowitz and Stegun,
-- Handbook of mathematical functions, 26.7.5, which from 29 degrees on is within 1e-4 at 1 of 10,000. NULL
-- with a single cluster.
t_quantile(clusters, looks := 1) as
    (
        case
            when clusters <= 1 then null
            when clusters <= 21 and looks <= 1
                then [
                12.7062047, 4.3026527, 3.1824463, 2.7764451, 2.5705818, 2.4469119, 2.3646243,
                2.3060041, 2.2621572, 2.2281389, 2.2009852, 2.1788128, 2.1603687, 2.1447867,
                2.1314495, 2.1199053, 2.1098156, 2.1009220, 2.0930241, 2.0859634
                ][clusters - 1]
            else t_of_z(normal_end(looks), clusters - 1)
        end
    )
