// Package fleet runs portrait as real processes: nodes and a broker that can be asked, stopped and killed, and the two
// measurements that need them: a restart after kill -9, and a rolling restart of several nodes under load.
//
// Vocabulary. A process is a child with its log, which the kernel ends with us. A node is the processes that ran one
// after the other on one data directory. A phase is one event of a rolling restart (a node restarts, joins or leaves) with the
// time until the next. A partition moved in a phase if it belonged to a node that restarted or left, or belongs to another node
// afterwards. The first tag of a moved partition is told as the longest that an event of the phase waited there for its change:
// the partition is silent until its new owner tells the first one, and whoever came first into the silence waited longest.
//
// What is measured is what anybody sees from outside: changes on the tag topic, pages of the nodes, their logs.
package fleet
