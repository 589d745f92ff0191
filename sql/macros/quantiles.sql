-- Upper quantile of the normal distribution from root = sqrt(-2 ln p), for a tail p up to 0.02425: Acklam,
-- An algorithm for computing the inverse normal cumulative distribution function, 2003; relative error
-- 1.2e-9.
create macro acklam_tail(root) as
    (
        list_transform(
            [root],
            lambda r: -(((((-7.784894002430293e-3 * r - 3.223964580411365e-1) * r - 2.400758277161838) * r
            - 2.549732539343734) * r + 4.374664141464968) * r + 2.938163982698783)
            / ((((7.784695709041462e-3 * r + 3.224671290700398e-1) * r + 2.445134137142996) * r
            + 3.754408661907416) * r + 1)
        )[1]
    );

-- The quantile of Student's t with `freedom` degrees of freedom that corresponds to a normal deviate:
-- Abramowitz and Stegun, Handbook of mathematical functions, 26.7.5.
create macro t_of_z(deviate, freedom) as
    (
        list_transform(
            [deviate],
            lambda z: z + (z ** 3 + z) / (4 * freedom)
            + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
            + (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * freedom ** 3)
            + (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / (92160 * freedom ** 4)
        )[1]
    );

-- The 97.5% quantile of Student's t with clusters - 1 degrees of freedom, to 1e-6, for an end of a 95%
-- interval: from a table up to 20 degrees, then t_of_z of the normal quantile, whose powers are the
-- constants. NULL with a single cluster.
create macro t_quantile(clusters) as
    (
        case
            when clusters <= 1 then null
            when clusters <= 21
                then ('[12.7062047, 4.3026527, 3.1824463, 2.7764451, 2.5705818, 2.4469119, 2.3646243,
                    2.3060041, 2.2621572, 2.2281389, 2.2009852, 2.1788128, 2.1603687, 2.1447867,
                    2.1314495, 2.1199053, 2.1098156, 2.1009220, 2.0930241, 2.0859634]'::double[])[clusters - 1]
            else 1.959963984540054 + (
                2.372271230298562 + (
                    2.8224986157396104
                    + (2.5558496795077215 + 1.589534053393822 / (clusters - 1)) / (clusters - 1)
                ) / (clusters - 1)
            ) / (clusters - 1)
        end
    );

-- t_quantile when choosing among `looks` figures: the quantile that each end exceeds in 2.5% / looks, so
-- that all together miss in at most 2.5% (Bonferroni). For several by t_of_z, which from 29 degrees on is
-- within 1e-4 at 1 of 10,000.
create macro t_among(clusters, looks) as
    (
        case
            when looks <= 1 then t_quantile(clusters)
            when clusters > 1 then t_of_z(acklam_tail(sqrt(-2 * ln(0.025 / looks))), clusters - 1)
        end
    );

-- The normal deviate with the same tail probability as a Student's t, with size its absolute value, of five
-- or more degrees of freedom: Hill, Algorithm 395, 1970, with his squared y and his b.
create macro hill_deviate(size, freedom) as
    (
        list_transform(
            [{
                'y': (freedom - 0.5) * ln(1 + size * size / freedom),
                'b': 48 * (freedom - 0.5) ** 2
            }],
            lambda his: (
                (
                    (((-0.4 * his.y - 3.3) * his.y - 24) * his.y - 85.5)
                    / (0.8 * his.y * his.y + 100 + his.b) + his.y + 3
                ) / his.b + 1
            ) * sqrt(his.y)
        )[1]
    );

-- Two-sided p-value of a standard normal z: erfc(|z| / sqrt 2), by the Chebyshev fit of Press et
-- al., Numerical Recipes, section 6.2, whose relative error is below 1.2e-7 everywhere.
create macro p_value(z) as
    (
        list_transform(
            [{'x': abs(z) / sqrt(2), 't': 1 / (1 + 0.5 * abs(z) / sqrt(2))}],
            lambda one: one.t * exp(-one.x * one.x - 1.26551223 + one.t * (1.00002368 + one.t * (0.37409196
            + one.t * (0.09678418 + one.t * (-0.18628806 + one.t * (0.27886807 + one.t * (-1.13520398
            + one.t * (1.48851587 + one.t * (-0.82215223 + one.t * 0.17087277)))))))))
        )[1]
    );

-- Two-sided p-value of Student's t with `freedom` degrees of freedom, with an error below 4e-7: up to four
-- degrees by the closed forms (Abramowitz and Stegun, 26.7.3 and 26.7.4), beyond by the normal deviate of
-- Hill, Algorithm 395: Student's t-distribution, CACM 13 (10), 1970.
create macro t_p(t, freedom) as
    (
        list_transform(
            [{'t': abs(t), 'n': freedom}],
            lambda one: case
                when one.n = 1 then 1 - 2 / pi() * atan(one.t)
                when one.n = 2 then 1 - one.t / sqrt(2 + one.t * one.t)
                when one.n = 3
                    then 1 - 2 / pi() * (
                        atan(one.t / sqrt(3)) + one.t * sqrt(3) / (3 + one.t * one.t)
                    )
                when one.n = 4
                    then 1 - one.t / sqrt(4 + one.t * one.t) * (1 + 2 / (4 + one.t * one.t))
                else p_value(hill_deviate(one.t, one.n))
            end
        )[1]
    );

-- Upper bound of the probability that a sum of independent variables, each within 1 of its mean, deviates
-- by `off` or more from its mean on either side, if the sum of their variances is at most `variance`:
-- Bennett, Probability inequalities for the sum of independent random variables, 1962. Unlike a normal
-- approximation, it is accurate for rare events as well as for common ones.
create macro bennett(off, variance) as
    least(1.0, 2 * exp(
        abs(off) - (abs(off) + greatest(variance, 1e-30)) * ln(1 + abs(off) / greatest(variance, 1e-30))
    ));

-- The position l, from either end of n sorted values, of the ends of a 95% interval of their median: the
-- largest with P(B < l) <= 2.5%, B ~ Binomial(n, 1/2), by the sign test (Conover, Practical nonparametric
-- statistics, 3.2). NULL if n < 6, which allows none.
create macro sign_place(n) as
    nullif(list_max(list_filter(
        range(greatest((n / 2 - 0.98 * sqrt(n))::bigint - 4, 0), (n / 2 - 0.98 * sqrt(n))::bigint + 5),
        lambda l: l = 0 or list_sum(list_transform(
            range(greatest((n / 2 - 5 * sqrt(n))::bigint, 0), l),
            lambda j: exp(lgamma(n + 1.0) - lgamma(j + 1.0) - lgamma(n - j + 1.0) - n * ln(2))
        )) <= 0.025
    )), 0);

-- The regularised incomplete beta function I_x(a, b) for x below (a + 1) / (a + b + 2), where its continued
-- fraction (Abramowitz and Stegun, 26.5.8; Press et al., Numerical Recipes, section 6.4) converges fast: 200
-- terms, evaluated from the last one.
create macro beta_fraction(x, a, b) as
    (
        exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * ln(x) + b * ln(1 - x)) / a
        / list_reduce(
            list_prepend(1.0::double, list_transform(
                range(200, 0, -1),
                lambda j: case
                    when j % 2 = 0 then j / 2 * (b - j / 2) * x / ((a + j - 1) * (a + j))
                    else -(a + (j - 1) / 2) * (a + b + (j - 1) / 2) * x / ((a + j - 1) * (a + j))
                end::double
            )),
            lambda below, term: 1 + term / below
        )
    );

-- P(F > f) for Fisher's F with `top` and `bottom` degrees of freedom, which need not be whole numbers:
-- I_x(bottom / 2, top / 2) at x = bottom / (bottom + top f).
create macro f_p(f, top, bottom) as
    (
        list_transform(
            [{'x': bottom / (bottom + top * f), 'a': bottom / 2, 'b': top / 2}],
            lambda one: case
                when f <= 0 then 1.0
                when one.x < (one.a + 1) / (one.a + one.b + 2) then beta_fraction(one.x, one.a, one.b)
                else 1 - beta_fraction(1 - one.x, one.b, one.a)
            end
        )[1]
    );
