// Package closest finds the names that a mistyped name may have meant, with the
// same result as Python's difflib.get_close_matches, which Kedro's "did you
// mean" hints come from.
package closest

import (
	"slices"
	"sort"
	"strings"
)

// Kedro's settings of difflib.
const (
	suggestions = 3   // names suggested at most
	cutoff      = 0.6 // lowest ratio that counts as similar
)

// Matches lists up to 3 targets that are similar to word, best first, those
// that are equally similar in descending order of text (SES-062).
func Matches(word string, targets []string) []string {
	return Find(word, targets, suggestions, cutoff)
}

// MatchesAny is Kedro's get_close_matches for several words: the matches of each
// follow those of the one before, each named once, 3 in all.
func MatchesAny(words, targets []string) []string {
	var out []string
	for _, word := range words {
		for _, match := range Matches(word, targets) {
			if !slices.Contains(out, match) {
				out = append(out, match)
			}
		}
	}
	return out[:min(suggestions, len(out))]
}

// Find is difflib.get_close_matches: at most limit targets whose ratio to word
// is cutoff (from 0 to 1) or more.
func Find(word string, targets []string, limit int, cutoff float64) []string {
	type scored struct {
		ratio float64
		text  string
	}
	var found []scored
	m := newMatcher(word)
	for _, target := range targets {
		runes := []rune(target)
		if m.bound(len(runes)) < cutoff || m.quickRatio(runes) < cutoff {
			continue
		}
		if ratio := m.ratio(runes); ratio >= cutoff {
			found = append(found, scored{ratio, target})
		}
	}
	sort.SliceStable(found, func(i, j int) bool {
		if found[i].ratio != found[j].ratio {
			return found[i].ratio > found[j].ratio
		}
		return strings.Compare(found[i].text, found[j].text) > 0
	})
	found = found[:min(limit, len(found))]
	out := make([]string, 0, len(found))
	for _, f := range found {
		out = append(out, f.text)
	}
	return out
}

// Ratio is the similarity of two texts, from 0 to 1, as SequenceMatcher(None,
// target, word).ratio() gives it. It is not symmetric.
func Ratio(word, target string) float64 {
	return newMatcher(word).ratio([]rune(target))
}

// popularFrom is the length from which on difflib ignores letters that make up more than 1 % of a word.
const popularFrom = 200

// matcher compares targets with one word, difflib's second sequence.
type matcher struct {
	word   []rune
	places map[rune][]int // where a letter stands in the word, popular letters left out
	counts map[rune]int   // how often a letter stands in the word
}

func newMatcher(word string) *matcher {
	m := &matcher{word: []rune(word), places: map[rune][]int{}, counts: map[rune]int{}}
	for i, r := range m.word {
		m.places[r] = append(m.places[r], i)
		m.counts[r]++
	}
	if n := len(m.word); n >= popularFrom {
		for r, places := range m.places {
			if len(places) > n/100+1 {
				delete(m.places, r)
			}
		}
	}
	return m
}

// share is difflib's ratio of matching letters.
func share(matches, total int) float64 {
	if total == 0 {
		return 1
	}
	return 2 * float64(matches) / float64(total)
}

// bound is the ratio that a target of this length has at most.
func (m *matcher) bound(length int) float64 {
	return share(min(length, len(m.word)), length+len(m.word))
}

// quickRatio is the ratio without regard to order.
func (m *matcher) quickRatio(target []rune) float64 {
	used := make(map[rune]int, len(target))
	matches := 0
	for _, r := range target {
		if used[r] < m.counts[r] {
			matches++
		}
		used[r]++
	}
	return share(matches, len(target)+len(m.word))
}

// ratio counts the letters in matching blocks: the longest block, then the same
// to its left and right.
func (m *matcher) ratio(target []rune) float64 {
	type span struct{ aFrom, aTo, bFrom, bTo int }
	matches := 0
	for open := []span{{0, len(target), 0, len(m.word)}}; len(open) > 0; {
		s := open[len(open)-1]
		open = open[:len(open)-1]
		a, b, size := m.longest(target, s.aFrom, s.aTo, s.bFrom, s.bTo)
		if size == 0 {
			continue
		}
		matches += size
		if s.aFrom < a && s.bFrom < b {
			open = append(open, span{s.aFrom, a, s.bFrom, b})
		}
		if a+size < s.aTo && b+size < s.bTo {
			open = append(open, span{a + size, s.aTo, b + size, s.bTo})
		}
	}
	return share(matches, len(target)+len(m.word))
}

// longest finds the longest block of target[aFrom:aTo] that stands in
// word[bFrom:bTo], of equal ones the first in target, then in word; popular
// letters only extend it.
func (m *matcher) longest(target []rune, aFrom, aTo, bFrom, bTo int) (bestA, bestB, size int) {
	bestA, bestB = aFrom, bFrom
	lengths := map[int]int{} // of the block that ends at a place of the word
	for i := aFrom; i < aTo; i++ {
		next := map[int]int{}
		for _, j := range m.places[target[i]] {
			if j < bFrom {
				continue
			}
			if j >= bTo {
				break
			}
			k := lengths[j-1] + 1
			next[j] = k
			if k > size {
				bestA, bestB, size = i-k+1, j-k+1, k
			}
		}
		lengths = next
	}
	for bestA > aFrom && bestB > bFrom && target[bestA-1] == m.word[bestB-1] {
		bestA, bestB, size = bestA-1, bestB-1, size+1
	}
	for bestA+size < aTo && bestB+size < bTo && target[bestA+size] == m.word[bestB+size] {
		size++
	}
	return bestA, bestB, size
}
