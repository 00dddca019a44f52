-- Rule A: no column empty, quantity and unit price above zero. Exact duplicates are not in events. The
-- amount is read from its JSON text: as a Float64 it would not stay exact.
rule_a AS (
    SELECT p.customer AS customer, time, toDecimal64(JSONExtractRaw(properties, 'amount'), 6) AS amount
    FROM (
        SELECT time, properties, JSONExtract(properties, 'Tuple(invoice String, stock_code String, description String,
            customer String, country String, quantity Float64, unit_price Float64)') AS p
        FROM portrait.events_now
        WHERE p.invoice != '' AND p.stock_code != '' AND p.description != '' AND p.customer != '' AND p.country != ''
          AND p.quantity > 0 AND p.unit_price > 0
    )
)
