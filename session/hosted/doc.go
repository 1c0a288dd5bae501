// Package hosted runs an unchanged Python Kedro project behind [session.Session].
//
// A [Session] keeps a few Python children, each with the project imported and one of Kedro's own service sessions open.
// Every child runs one run at a time, because Kedro's resolvers belong to the process: two runs in one process read each
// other's parameters. The child's program is part of this package and travels over a pipe, so nothing is installed into
// the project's environment, which needs Kedro 1.4 or later and nothing else.
//
// The children are supervised. A run that is cancelled gets SIGINT, a grace time, then SIGKILL for its whole process
// group; a child that dies fails its own run only, with [session.LostError], and is replaced. One child more than runs
// at a time stays warm, so that no run waits for an import. When the worker itself is killed, a guard process kills
// what it left.
//
// docs/hosted-protocol.md describes the messages between the two sides.
package hosted
