// Package stages divides a CPU profile of the pipeline among its stages.
//
// A sample belongs to the first rule of which any frame of its stack holds a function: rules go from the particular
// (publishing a document, wherever it is called from) to the general (anything of the machine). What no rule
// knows is told as other, with the functions that weigh most, so that a new stage cannot hide. Time that the
// runtime spends collecting garbage or scheduling is a stage of its own and not divided among those who
// caused it. Goroutines of the bench itself carry the profiler label role (Generator, Recorder), which goes before all rules:
// they use the same Kafka client as the pipeline.
package stages
