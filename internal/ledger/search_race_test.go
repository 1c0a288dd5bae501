//go:build race

package ledger

// maxStates bounds one search. The race detector makes the search ten times slower, and there is no race to find in it.
const maxStates = 15_000
