-- How many lines count as purchases, and whose they are.
WITH {rule_a}
SELECT toString(count()), toString(uniqExact(customer)) FROM rule_a
