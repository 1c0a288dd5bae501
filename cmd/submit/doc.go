// Command submit gives runs to Kedge and follows them.
//
//	submit run      submit a run: detached, --wait for its result, or --follow its progress
//	submit status   where a run stands
//	submit result   how a run ended, also hours later
//	submit list     the runs of a tenant, newest first
//	submit events   what happened in a run so far, and on to its end
//	submit cancel   end runs, queued or running
//
// The run flags are those of `kedro run`; their grammar, the exit codes and the
// rules of the user interface are described in internal/cli and docs/cli.md.
//
// A submitted run belongs to the server: when submit ends or is interrupted,
// the run goes on.
package main
