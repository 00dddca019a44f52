// Package clickhouse takes Portrait's facts to ClickHouse: the engine embedded by default, the
// migrations, the sink and the queries.
package clickhouse
