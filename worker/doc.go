// Package worker takes run requests from a queue, runs them in a session, and stores their results.
//
// A [Worker] is a list of loops, one file each, in the order in which they stop:
//
//   - fetch takes requests, never more than there are free slots;
//   - execute claims each one, runs it, and ends it: stored reply, status, acknowledgement;
//   - heartbeat keeps the runs in hand alive, and stops those that were cancelled or taken over;
//   - report publishes the events of the runs, in the order of each run;
//   - drain, on a stop, lets runs finish for a grace time and puts the others back.
//
// Every change of a run's state goes through internal/ledger, which fences it; outcome.go is the one table from
// errors to replies, and convert.go the one place that knows both messages and sessions.
package worker
