-- In what pieces a sum over clusters moves, beyond what was seen: how much a cluster that differs at
-- all differs by, times how far its differences point one way. Of the clusters seen, by their Σ d²
-- and Σ |d|, together with three that move by the worst that one can, so that what was not seen is
-- reckoned with until enough was; `net` is how far the sum went that way already, 0 if it did not.
piece(squares, absolutes, worst, net) as
    (
        (squares + 3 * worst * worst) / (absolutes + 3 * worst)
        * (3 * worst + greatest(net, 0)) / (absolutes + 3 * worst)
    )
