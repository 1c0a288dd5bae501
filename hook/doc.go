// Package hook holds the twelve moments of a run at which user code may step in,
// one small interface for each of Kedro's hook specifications.
//
// A hook is any value that implements one or more of the interfaces; the func
// types (for example [AfterNodeRunFunc]) serve one-liners. A [Set] sorts hooks
// into their moments once, so that a moment nobody listens to costs nothing.
//
// Order is Kedro's: the hook registered last runs first. [TryFirst] and
// [TryLast] move a hook before or behind all others. An error of one hook stops
// the rest and fails the run.
//
// A set is immutable and may serve concurrent runs. Hooks of nodes and datasets
// are called from several goroutines at once when the runner runs nodes
// concurrently, so an implementation guards its own state.
package hook
