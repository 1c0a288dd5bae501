//go:build !race

package ledger

// maxStates bounds one search.
const maxStates = 150_000
