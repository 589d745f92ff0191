-- The share u of the mixture in share_end: the root of u² h = q (1 - u) (v + u h), where q is t² / clusters,
-- v the variance of a cluster's mean and h the squared distance to the bound.
mixed_share(q, v, h) as
    (
        list_transform(
            [{'q': q, 'v': v, 'h': h, 'b': q * (h - v)}],
            lambda one: (one.b + sqrt(one.b * one.b + 4 * (1 + one.q) * one.h * one.q * one.v))
            / (2 * (1 + one.q) * one.h)
        )[1]
    )
