package oracle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Suite asks the project the questions of one family and compares the answers.
type Suite struct {
	// Family is the vectors' name: pipeline, construct, modular, config, catalog, cli, run.
	Family string

	// Answer gives the project's answer in the form of the vector's "expect".
	// Anything that [Encode] understands may stand in it.
	Answer func(t *testing.T, v Vector) any

	// Skip declares that a vector is not compared. The zero declaration compares it.
	// Defaults to comparing all.
	Skip func(v Vector) Declaration

	// Ignore declares that a part of an answer is not compared; path is as in a
	// vector's "unstable". The zero declaration compares it. Defaults to comparing all.
	Ignore func(v Vector, path string) Declaration
}

// Report is what a run of a [Suite] found.
type Report struct {
	Family   string
	Vectors  int // vectors compared
	Parts    int // values compared in them
	Unstable int // parts left out since Kedro itself is undecided
	Wrong    int // vectors with a difference

	Skipped    map[Declaration]int // vectors not compared
	Ignored    map[Declaration]int // parts not compared
	Normalised map[Declaration]int // answers put into the other's form first
}

// Run compares all vectors of the family, each in a subtest of its own. The report is
// logged at the end; make conformance shows it.
func (s Suite) Run(t *testing.T) Report {
	t.Helper()
	report := Report{Family: s.Family, Skipped: map[Declaration]int{}, Ignored: map[Declaration]int{}, Normalised: map[Declaration]int{}}
	for _, v := range Load(t, s.Family) {
		v.normalised = report.Normalised
		if s.Skip != nil {
			if declared := s.Skip(v); declared != (Declaration{}) {
				report.Skipped[declared]++
				continue
			}
		}
		report.Vectors++
		if !t.Run(v.ID, func(t *testing.T) { s.ask(t, v, &report) }) {
			report.Wrong++
		}
	}
	report.checkDeclared(t)
	t.Log(report.String())
	return report
}

// ask compares one answer.
func (s Suite) ask(t *testing.T, v Vector, report *Report) {
	t.Helper()
	if differences := s.compare(t, v, report); len(differences) > 0 {
		t.Errorf("%s (%s)\n  input: %s\n%s", v.ID, v.Kind, clip(string(v.Input)), lines(differences))
	}
}

// checkDeclared refuses what docs/kedro.md doesn't say.
func (r Report) checkDeclared(t *testing.T) {
	t.Helper()
	for _, counts := range []map[Declaration]int{r.Skipped, r.Ignored, r.Normalised} {
		for declared := range counts {
			if !slices.Contains(Declared(), declared) || declared.Family != r.Family {
				t.Errorf("family %s: not declared: %s", r.Family, declared.What)
			}
		}
	}
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
			if declared := s.Ignore(v, path); declared != (Declaration{}) {
				report.Ignored[declared]++
				return true
			}
		}
		return false
	}
	if len(unstable) > 0 || s.Ignore != nil {
		c.leave = leave
	}
	c.compare(want, Encode(s.Answer(t, v)))
	report.Parts += c.compared
	return c.differences
}

// String gives the counts, and one line for each declaration that came up.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "family %s: %d vectors compared (%d parts), %d differ, %d unstable parts left out, %d vectors skipped",
		r.Family, r.Vectors, r.Parts, r.Wrong, r.Unstable, total(r.Skipped))
	for _, declared := range Declared() {
		for _, count := range []struct {
			what string
			of   map[Declaration]int
		}{{"vectors skipped", r.Skipped}, {"parts ignored", r.Ignored}, {"answers normalised", r.Normalised}} {
			if n := count.of[declared]; n > 0 {
				fmt.Fprintf(&b, "\nfamily %s: %d %s: %s", r.Family, n, count.what, declared.What)
			}
		}
	}
	return b.String()
}

func total(counts map[Declaration]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
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
