//go:build !race

package ledger

// defaultStates bounds one search, see maxStates.
const defaultStates = 50_000
