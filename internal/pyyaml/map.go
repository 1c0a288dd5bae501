package pyyaml

import (
	"iter"
	"maps"
	"math"
	"math/big"
)

// Map is an ordered mapping as Python's dict: a key that is set again keeps its
// place, and 1, 1.0 and true are one key. A Map doesn't change once it is made, so
// it may be shared by any number of goroutines.
type Map struct {
	pairs    []Pair
	index    map[any]int // canonical key to position; nil while a search along the pairs is as fast
	replaced map[int]any // values that go before those of pairs, by position
}

// Pair is one entry of a Map. The key is a string, int, float64, bool, *big.Int,
// []byte, time.Time or nil.
type Pair struct{ Key, Value any }

// smallMap is how many entries are searched one by one.
const smallMap = 8

// NewMap makes a Map of pairs in order; of equal keys the last value wins. It keeps
// the slice: the caller must not change it afterwards.
func NewMap(pairs ...Pair) *Map {
	m := &Map{pairs: pairs[:0]}
	if len(pairs) > smallMap {
		m.index = make(map[any]int, len(pairs))
	}
	for _, pair := range pairs {
		if at, ok := m.find(pair.Key); ok {
			m.pairs[at].Value = pair.Value
			continue
		}
		if m.index != nil {
			m.index[Canonical(pair.Key)] = len(m.pairs)
		}
		m.pairs = append(m.pairs, pair)
	}
	return m
}

// find is the position of a key.
func (m *Map) find(key any) (int, bool) {
	if m.index != nil {
		at, ok := m.index[Canonical(key)]
		return at, ok
	}
	for at := range m.pairs {
		if SameKey(m.pairs[at].Key, key) {
			return at, true
		}
	}
	return 0, false
}

// Replace is m with other values at some positions (from zero, in order of keys). It
// costs as much as there are values, and keeps them: the caller must not change them.
func (m *Map) Replace(values map[int]any) *Map {
	if len(m.replaced) > 0 {
		both := maps.Clone(m.replaced)
		maps.Copy(both, values)
		values = both
	}
	return &Map{pairs: m.pairs, index: m.index, replaced: values}
}

// entries yields the entries in order, lists as they are.
func (m *Map) entries() iter.Seq[Pair] {
	return func(yield func(Pair) bool) {
		if m == nil {
			return
		}
		for at, pair := range m.pairs {
			if value, ok := m.replaced[at]; ok {
				pair.Value = value
			}
			if !yield(pair) {
				return
			}
		}
	}
}

// Len is the number of entries. A nil Map is empty.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.pairs)
}

// Get is the value under key, and whether there is one. A list is a copy.
func (m *Map) Get(key any) (any, bool) {
	if m == nil {
		return nil, false
	}
	at, ok := m.find(key)
	if !ok {
		return nil, false
	}
	if value, ok := m.replaced[at]; ok {
		return shareable(value), true
	}
	return shareable(m.pairs[at].Value), true
}

// Entry is the entry of m at a position from zero. Its lists are those of m: they must not change.
func Entry(m *Map, at int) Pair {
	pair := m.pairs[at]
	if value, ok := m.replaced[at]; ok {
		pair.Value = value
	}
	return pair
}

// Keys are the keys in order.
func (m *Map) Keys() []any {
	keys := make([]any, 0, m.Len())
	for key := range m.All() {
		keys = append(keys, key)
	}
	return keys
}

// All yields the entries in order. Lists are copies.
func (m *Map) All() iter.Seq2[any, any] {
	return func(yield func(any, any) bool) {
		for pair := range m.entries() {
			if !yield(pair.Key, shareable(pair.Value)) {
				return
			}
		}
	}
}

// shareable copies what a caller could change.
func shareable(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = shareable(item)
		}
		return list
	case *big.Int:
		return new(big.Int).Set(value)
	case []byte:
		return append([]byte(nil), value...)
	}
	return value
}

// Canonical is the form of a key under which equal keys of Python are equal in Go:
// 1, 1.0 and true are the same.
func Canonical(key any) any {
	switch key := key.(type) {
	case bool:
		if key {
			return 1
		}
		return 0
	case float64:
		if key == math.Trunc(key) && math.Abs(key) < 1<<53 {
			return int(key)
		}
	case *big.Int:
		return "int:" + key.String() // can't be equal to an int, and hardly to a text
	case []byte:
		return "bytes:" + string(key)
	}
	return key
}

// SameKey tells whether two keys are equal in Python.
func SameKey(a, b any) bool {
	if text, ok := a.(string); ok {
		if other, ok := b.(string); ok {
			return text == other
		}
	}
	return Canonical(a) == Canonical(b)
}

// Set is what !!set gives: its keys. Schema Safe makes it a list; configuration knows no sets.
type Set []any
