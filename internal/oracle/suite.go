package oracle

import (
	"fmt"
	"sort"
	"strings"
	"testing"
)

// maxShown is how many wrong vectors are printed in full.
const maxShown = 10

// Suite asks the project the questions of one family and compares the answers.
type Suite struct {
	// Family is the vectors' name: pipeline, construct, modular, config, catalog, cli, run.
	Family string

	// Answer gives the project's answer in the form of the vector's "expect".
	// Anything that [Encode] understands may stand in it.
	Answer func(t *testing.T, v Vector) any

	// Skip declares that a vector is not compared, and why. "" compares it.
	// Defaults to comparing all.
	Skip func(v Vector) (reason string)

	// Ignore declares that a part of an answer is not compared, and why; path is
	// as in a vector's "unstable". "" compares it. Defaults to comparing all.
	Ignore func(v Vector, path string) (reason string)
}

// Report is what a run of a [Suite] found.
type Report struct {
	Family           string
	Vectors          int            // vectors compared
	Parts            int            // values compared in them
	Unstable         int            // parts left out since Kedro itself is undecided
	Skipped, Ignored map[string]int // by declared reason: vectors skipped, parts ignored
	Wrong            int            // vectors with a difference
}

// Run compares all vectors of the family; each difference fails the test. The
// report is logged at the end.
func (s Suite) Run(t *testing.T) Report {
	t.Helper()
	report := Report{Family: s.Family, Skipped: map[string]int{}, Ignored: map[string]int{}}
	for _, v := range Load(t, s.Family) {
		if s.Skip != nil {
			if reason := s.Skip(v); reason != "" {
				report.Skipped[reason]++
				continue
			}
		}
		differences := s.compare(t, v, &report)
		if len(differences) == 0 {
			continue
		}
		report.Wrong++
		if report.Wrong <= maxShown {
			t.Errorf("%s (%s)\n  input: %s\n%s", v.ID, v.Kind, clip(string(v.Input)), lines(differences))
		}
	}
	if report.Wrong > 0 {
		t.Errorf("family %s: %d of %d vectors differ from Kedro", s.Family, report.Wrong, report.Vectors)
	}
	t.Log(report.String())
	return report
}

func (s Suite) compare(t *testing.T, v Vector, report *Report) []Difference {
	t.Helper()
	var want any
	if err := decode(v.Expect, &want); err != nil {
		t.Fatalf("%s: expect: %v", v.ID, err)
	}
	unstable := make(map[string]bool, len(v.Unstable))
	for _, path := range v.Unstable {
		unstable[path] = true
	}
	var c comparison
	leave := func(path string) bool {
		if unstable[path] {
			report.Unstable++
			return true
		}
		if s.Ignore != nil {
			if reason := s.Ignore(v, path); reason != "" {
				report.Ignored[reason]++
				return true
			}
		}
		return false
	}
	if len(unstable) > 0 || s.Ignore != nil {
		c.leave = leave
	}
	c.compare(want, Encode(s.Answer(t, v)))
	report.Vectors++
	report.Parts += c.compared
	return c.differences
}

// String gives the counts in one line per declared reason.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "family %s: %d vectors compared (%d parts), %d differ, %d unstable parts left out", r.Family, r.Vectors, r.Parts, r.Wrong, r.Unstable)
	for _, declared := range []struct {
		what  string
		count map[string]int
	}{{"vectors skipped", r.Skipped}, {"parts ignored", r.Ignored}} {
		reasons := make([]string, 0, len(declared.count))
		for reason := range declared.count {
			reasons = append(reasons, reason)
		}
		sort.Strings(reasons)
		for _, reason := range reasons {
			fmt.Fprintf(&b, "\n  %d %s: %s", declared.count[reason], declared.what, reason)
		}
	}
	return b.String()
}

func lines(differences []Difference) string {
	const most = 8
	var b strings.Builder
	for i, d := range differences {
		if i == most {
			fmt.Fprintf(&b, "  and %d more", len(differences)-most)
			break
		}
		fmt.Fprintf(&b, "  %s\n", d)
	}
	return b.String()
}

func clip(text string) string {
	if len(text) > shownBytes {
		return text[:shownBytes] + "..."
	}
	return text
}
