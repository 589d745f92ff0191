-- A share, and 1 where rounding alone keeps it from 1.
up_to_one(share) as case when abs(share - 1) <= 1e-12 then 1.0 else share end
