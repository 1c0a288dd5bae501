// Package messages is the wire contract of Kedge: what submitters, workers and
// watchers say to each other over NATS.
//
// A [RunRequest] asks for one run. A [Reply], which is either a [RunResult] or a
// [RunError], ends it; there is exactly one per run. [Event]s tell what happens in
// between and [Status] is what is known about the run now. [Subjects] gives each
// of them its place.
//
// # Reading
//
// Requests are read strictly, see [DecodeRunRequest]: whatever a worker does not
// know is refused with a [*FieldError] that names the field, because a filter that
// is silently ignored runs the wrong nodes. Replies, events and statuses are read
// leniently: unknown fields are skipped, so workers can be deployed before
// submitters.
//
// # Compatibility
//
// Codes, states, event kinds and JSON names are append-only. The JSON Schema of
// every message is in schema/ and recorded messages of every released version are
// in testdata/; tests keep both readable for ever.
//
// The package imports the standard library and uuid only, and does nothing but
// encode, decode and validate.
package messages
