package pyyaml

import "iter"

// Map is an ordered mapping as Python's dict: a key that is set again keeps its
// place, and 1, 1.0 and true are one key. A Map doesn't change once it is made, so
// it may be shared by any number of goroutines.
type Map struct {
	pairs []Pair
	index map[any]int // canonical key to position
}

// Pair is one entry of a Map. The key is a string, int, float64, bool, *big.Int or nil.
type Pair struct{ Key, Value any }

// NewMap makes a Map of pairs in order; of equal keys the last value wins.
func NewMap(pairs ...Pair) *Map { return nil }

// Len is the number of entries. A nil Map is empty.
func (m *Map) Len() int { return 0 }

// Get is the value under key, and whether there is one. A list is a copy.
func (m *Map) Get(key any) (any, bool) { return nil, false }

// Keys are the keys in order.
func (m *Map) Keys() []any { return nil }

// All yields the entries in order. Lists are copies.
func (m *Map) All() iter.Seq2[any, any] { return nil }

// Plain is a deep copy as map[string]any. A key that isn't text is written as Python
// would print it; use PlainValue to keep such keys.
func (m *Map) Plain() map[string]any { return nil }

// PlainValue is a deep copy of any value: *Map becomes map[string]any, or map[any]any
// where a key isn't text; lists become fresh []any.
func PlainValue(value any) any { return nil }

// FromPlain turns maps (of any key type that a Map may hold; keys sorted) and slices
// into *Map and []any, deeply, and Go's other integer and float types into int and
// float64. Other values are an error that names the place.
func FromPlain(value any) (any, error) { return nil, nil }
