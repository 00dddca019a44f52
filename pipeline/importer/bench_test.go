package importer

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// BenchmarkCSV reads lines like those of bench/retail; bytes are of the uncompressed input.
func BenchmarkCSV(b *testing.B) {
	text, err := os.ReadFile("../../bench/retail/online-retail.mapping.yaml")
	if err != nil {
		b.Fatal(err)
	}
	m, err := ParseMapping(text)
	if err != nil {
		b.Fatal(err)
	}
	const lines = 10_000
	in := "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n" +
		strings.Repeat("536365,85123A,\"WHITE HANGING HEART, T-LIGHT HOLDER\",6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom\n", lines)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := New(strings.NewReader(in), "bench", 0, m)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for {
			_, bad, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || bad != nil {
				b.Fatal(err, bad)
			}
			n++
		}
		if n != lines {
			b.Fatalf("%d lines", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
}
