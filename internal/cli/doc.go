// Package cli holds what the commands of Kedge share with each other and with
// `kedro run`: the surroundings of a command as one value ([Env]), the exit
// codes ([ExitCode]), and the grammar of the run flags ([RunFlags]), which is
// Kedro's word for word (spec CLI-010 to CLI-058).
//
// # Rules of the user interface
//
// Standard output carries the answer and nothing else, so that it can be piped:
// a run id, a table, a JSON document. Everything said along the way (progress,
// deprecations, hints) goes to standard error.
//
// An error is one line on standard error that starts with "error: ", followed,
// where there is something to do about it, by one that starts with "hint: ".
// Neither ends in a period, and no secret is printed: URLs are masked.
//
// Colours, bars and redrawing appear only on a terminal; elsewhere the same
// facts come as plain lines.
package cli
