-- The size of the pieces by which a sum over clusters moves beyond what was observed: how much a cluster
-- that differs at all differs by, times how one-sided the differences are. Estimated from the observed
-- clusters, by their Σ d² and Σ |d|, together with three that move by the worst possible amount, so that
-- unobserved differences count until enough were observed; `net` is how far the sum already moved that way,
-- 0 if it did not.
piece(squares, absolutes, worst, net) as
    (
        (squares + 3 * worst * worst) / (absolutes + 3 * worst)
        * (3 * worst + greatest(net, 0)) / (absolutes + 3 * worst)
    )
