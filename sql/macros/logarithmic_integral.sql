-- li(x), the integral of 1 / ln, from l = ln(x) between 1 and 40: Euler's constant + ln(l) + the sum of
-- l^j / (j j!), whose terms are all positive.
logarithmic_integral(l) as
    0.57721566490153286061 + ln(l)
    + list_sum(list_transform(range(1, 121), lambda j: l ** j / (j * gamma(j + 1))))
