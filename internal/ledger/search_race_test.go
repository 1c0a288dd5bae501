//go:build race

package ledger

// defaultStates bounds one search, see maxStates. The race detector makes the search ten times slower, and there is no race to find in it.
const defaultStates = 8_000
