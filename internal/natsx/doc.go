// Package natsx is what Kedge needs of NATS: connections that report refusals, the
// streams, buckets and consumers of the run queue, the embedded server, and
// publishes that outlive a change of leader.
package natsx
