package schemas

import (
	"embed"
	"io/fs"
)

//go:embed clickhouse/[0-9]*.sql
var clickHouse embed.FS

// ClickHouse returns the migrations as files NNNN_name.sql, to be applied in the order of their
// numbers. They are forward-only: a file that has been applied somewhere is never edited again. A
// statement ends with a semicolon at the end of a line; ${database} stands for the quoted name of
// the database, ${database:text}, ${user:text} and ${password:text} for quoted texts.
func ClickHouse() fs.FS {
	sub, err := fs.Sub(clickHouse, "clickhouse")
	if err != nil {
		return clickHouse // a constant path of the embedded tree: cannot fail
	}
	return sub
}
