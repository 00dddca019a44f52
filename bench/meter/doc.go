// Package meter reads what a measurement needs to know of the machine it runs on: CPU time and memory of
// processes, bytes on disk, and the machine's own hiccups.
//
// Vocabulary. A hiccup is how much later than asked an idle goroutine woke up: whatever delays it (another
// tenant of the machine, the kernel, a collection of garbage in this process) delays the system under test, too. So
// a tail is shown beside the hiccups of the same seconds. CPU times are those of the kernel's accounting: user and
// system, all threads.
package meter
