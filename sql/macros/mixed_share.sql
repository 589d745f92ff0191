-- The share u of the mixture of share_end: the root of u² h = q (1 - u) (v + u h), where q is
-- t² / clusters, v the variance of a cluster's mean and h the squared way to the bound.
mixed_share(q, v, h) as
    (q * (h - v) + sqrt((q * (h - v)) ** 2 + 4 * (1 + q) * h * q * v)) / (2 * (1 + q) * h)
