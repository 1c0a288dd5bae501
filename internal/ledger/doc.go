// Package ledger is the only writer of a run's state: its status, its leases and
// its one reply.
//
// Every step is a compare-and-set, and every step may be repeated: a process may
// die between any two of them, and whoever gets the run next finishes the rest.
// What a step does to a status is a pure function in transition.go; the rest of
// the package carries these functions to the server.
//
// # The life of a run
//
// A submitter calls [Ledger.Submit]. A worker hands each message it fetched to
// [Ledger.Claim]; a [Claim] is the right to run it until it is fenced. While the
// run goes on the worker calls [Claim.Beat]; it ends it with [Claim.Finish] or
// gives it back with [Claim.PutBack]. [Ledger.Cancel] marks a run; its owner, or
// whoever meets it next, ends it. [Ledger.Sweep] closes what nobody else meets.
//
// # The fence
//
// The reply is stored on condition that the status is still the one that this
// owner wrote last. Status and reply lie in one stream, so the server checks this
// in the same step as it stores: a worker that slept through its lease cannot
// publish, whatever it believes.
//
// # Concurrency keys
//
// Of the runs with one key at most as many are claimed at a time as its limit says. A
// claim first stores one of the key's slots, and then reads the limits once more; what
// must wait is a [Waiter], in hand or in its queue. A slot runs out later than its claim
// does, so nobody starts beside a worker that only slept.
package ledger
