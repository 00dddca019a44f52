// Package broker brings Kafka along: an embedded broker in this process (kfake, of which this package
// is the only importer), and for tests and comparisons a real Apache Kafka as a child process.
//
// Both listen on loopback only and keep their data in a directory. What the embedded broker has
// acknowledged survives kill -9 of the process; it is handed to the operating system at once but synced
// only when a segment rolls or at Close, so a crash of the machine may lose the last moments. It is one
// node and one goroutine: right for a demo, a test and a small shop, not a cluster.
package broker
