-- Customers by the month of their first purchase, and how many of them bought 0, 1, 2… months later.
WITH {rule_a},
customers AS (
    SELECT customer, min(toStartOfMonth(time)) AS cohort, groupUniqArray(toStartOfMonth(time)) AS active
    FROM rule_a
    GROUP BY customer
)
SELECT
    formatDateTime(cohort, '%Y-%m'),
    toString(dateDiff('month', cohort, arrayJoin(active)) AS month),
    toString(count())
FROM customers
GROUP BY cohort, month
ORDER BY cohort, month
