-- A share, or 1 if only rounding keeps it from 1.
up_to_one(share) as case when abs(share - 1) <= 1e-12 then 1.0 else share end
