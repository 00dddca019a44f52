-- One row per customer: recency in whole days at the reference time, frequency in lines, monetary; and
-- the three scores. A score is the quartile as pandas qcut cuts it: quantiles interpolated linearly
-- (quantilesExactInclusive), intervals closed on the right, so a value at a cut belongs below it.
-- Recency is reversed: the most recent quarter scores 4.
WITH {rule_a},
customers AS (
    SELECT
        customer,
        intDiv({reference_ms} - toUnixTimestamp64Milli(max(time)), 86400000) AS recency,
        count() AS frequency,
        sum(amount) AS monetary,
        toInt64(monetary * 1000000) AS micros
    FROM rule_a
    GROUP BY customer
),
cut AS (
    SELECT
        *,
        quantilesExactInclusive(0.25, 0.5, 0.75)(recency) OVER () AS r,
        quantilesExactInclusive(0.25, 0.5, 0.75)(frequency) OVER () AS f,
        quantilesExactInclusive(0.25, 0.5, 0.75)(micros) OVER () AS m
    FROM customers
)
SELECT
    customer,
    toString(recency),
    toString(frequency),
    toString(monetary),
    toString(4 - arrayCount(q -> recency > q, r)),
    toString(1 + arrayCount(q -> frequency > q, f)),
    toString(1 + arrayCount(q -> micros > q, m))
FROM cut
ORDER BY customer
