// Package importer reads the input files of `portrait import`: events as native JSON, one record per
// line, or rows of a CSV file through a mapping. It reads and converts; who produces the events to
// Kafka, with the event clock or the wall's, is the driver's business.
//
// Vocabulary. A line is one record of the input: in CSV it may span physical lines inside quotes, and
// its number is that of the first of them, counted from 1 with the header. A mapping is a YAML file
// that says which columns become the event's name, identifiers, time and properties; its JSON Schema is
// schemas/mapping.schema.json. A source is one open input.
//
// Invariants.
//
//   - A bad line is reported with its number and reason, and the next line follows: one bad line never
//     hides a good one, not even a quote that is never closed.
//   - Reasons name columns and offsets, never contents: any column of a badly formed line may hold a
//     phone number, and reasons are printed and logged.
//   - Memory is bounded by the longest line allowed (MaxLine), whatever the file holds.
//   - Amounts never pass through floating point: a decimal is the digits of the file, a product of
//     columns is exact (see number).
//   - The same bytes give the same events with the same ids, so an import can be repeated.
package importer
