-- x ln(x / y) + y - x, where y = x - excess (Loader 2000, Fast and accurate computation of
-- binomial probabilities), by ln(x / y) = 2 atanh((x - y) / (x + y)), which does not cancel near y.
deviance(x, excess) as
    case
        when x = 0 then -excess
        else excess ** 2 / (2 * x - excess)
            + 2 * x * (atanh(excess / (2 * x - excess)) - excess / (2 * x - excess))
    end
