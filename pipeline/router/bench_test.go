package router

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"portrait/schemas/wire"
)

// BenchmarkRoute measures decode, normalise, hash, number and stamp for a fetch of 500 events of about
// 300 bytes; "encode" adds the inbox encoding that the driver does.
func BenchmarkRoute(b *testing.B) {
	shapes := map[string]string{
		"phone": `{"event_id":"0192f0c1-8d5e-7c3a-9b1e-%012d","event":"order_paid","time":1772359200123,"channel":"mini_program",` +
			`"identifiers":{"phone":"139%08d","openid@wxapp1":"oX3fJ5kQ9Zr2"},` +
			`"properties":{"order_id":"20260301-000123","amount":328.50,"currency":"CNY","category":"skincare","items":3}}`,
		"device": `{"event_id":"0192f0c1-8d5e-7c3a-9b1e-%012d","event":"product_viewed","time":1772359200123,"channel":"mini_program",` +
			`"identifiers":{"device_id":"d%08d","openid@wxapp1":"oX3fJ5kQ9Zr2"},` +
			`"properties":{"product_id":"20260301-000123","price":328.50,"currency":"CNY","category":"skincare","position":3}}`,
	}
	for name, shape := range shapes {
		f := Fetch{Now: now}
		for i := range 500 {
			f.Records = append(f.Records, Record{Offset: int64(i), Time: now, Value: fmt.Appendf(nil, shape, i, 10_000_000+i)})
		}
		for _, encode := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/encode=%v", name, encode), func(b *testing.B) {
				r := testRouter(b, nil)
				b.ReportAllocs()
				cpu := cpuTime(b)
				for b.Loop() {
					out := r.Route(f)
					if out.Counts.Events != len(f.Records) {
						b.Fatalf("%+v", out.Counts)
					}
					for k := 0; encode && k < len(out.Inbox); k++ {
						e := wire.Encoder{B: make([]byte, 0, out.Inbox[k].Size)}
						out.Inbox[k].Record.Encode(&e)
					}
				}
				events := float64(b.N) * float64(len(f.Records))
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/1000/events, "µs/event")
				b.ReportMetric(float64((cpuTime(b)-cpu).Nanoseconds())/1000/events, "cpu-µs/event") // the collector's too
			})
		}
	}
}

// cpuTime is what this process has used: on shared cores it says more than the wall.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
