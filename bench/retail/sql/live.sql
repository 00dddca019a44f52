-- The live features, from the profile documents. A document shows its features as they were at as_of;
-- recency runs on evenly from there, so the latest purchase was recency before as_of.
SELECT
    substring(arrayFirst(i -> startsWith(i, 'customer_id:'), identifiers), length('customer_id:') + 1) AS customer,
    toString(intDiv({reference_ms} - toUnixTimestamp64Milli(as_of)
        + toInt64(toDecimal64OrZero(JSONExtractRaw(features, 'recency'), 3) * 1000), 86400000)),
    JSONExtractRaw(features, 'frequency'),
    toString(toDecimal64OrZero(JSONExtractRaw(features, 'monetary'), 6))
FROM portrait.profiles_now
WHERE arrayExists(i -> startsWith(i, 'customer_id:'), identifiers)
  AND JSONExtractInt(features, 'frequency') > 0
ORDER BY customer
