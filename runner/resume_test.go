package runner

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
)

// onDisk is a dataset whose data outlives a run, as far as a runner can tell.
type onDisk struct{ *catalog.MemoryDataset }

func (onDisk) Ephemeral() bool { return false }

// RUN-059: the examples of Kedro's test of the advice.
func TestResumeNodes(t *testing.T) {
	one := func(any) any { return nil }
	two := func(any, any) any { return nil }
	p, err := pipeline.New(
		pipeline.Define(one, "in", "a", pipeline.Name("1")),
		pipeline.Define(one, "a", "b", pipeline.Name("2")),
		pipeline.Define(two, []string{"b", "a"}, "c", pipeline.Name("3")),
		pipeline.Define(one, "c", "d", pipeline.Name("4")),
		pipeline.Define(one, "in", "e", pipeline.Name("5")),
		pipeline.Define(two, []string{"e", "d"}, "out", pipeline.Name("6")),
	)
	require.NoError(t, err)
	for _, test := range []struct{ done, stored, want string }{
		{"1,2", "in", "1,5"},
		{"1,2", "in,a,b", "3,5"},
		{"1,2", "in,a", "2,5"},
		{"1,2,3,4", "in,d", "5"},
		{"1,2,3,4,5", "in,d,e", "6"},
		{"1,2,3,4,5", "in", "1,5"},
	} {
		c := catalog.New()
		for _, name := range p.Datasets() {
			memory := new(catalog.MemoryDataset)
			if slices.Contains(strings.Split(test.stored, ","), name) {
				require.NoError(t, c.Set(t.Context(), name, onDisk{memory}))
			} else {
				require.NoError(t, c.Set(t.Context(), name, memory))
			}
		}
		s := NewSchedule(p)
		e := &execution{req: Request{Catalog: c}, schedule: s, data: c.Select(s.layout), done: make([]bool, len(s.steps))}
		for i := range s.steps {
			e.done[i] = slices.Contains(strings.Split(test.done, ","), s.steps[i].name)
		}
		require.Equal(t, test.want, strings.Join(e.resumeNodes(t.Context()), ","), "done %s, stored %s", test.done, test.stored)
	}
}

// RUN-058: a memory dataset written as a@1 and read as a@2 isn't followed.
func TestResumeDoesNotFollowTranscoding(t *testing.T) {
	one := func(any) any { return nil }
	p, err := pipeline.New(
		pipeline.Define(one, "in", "a@1", pipeline.Name("writer")),
		pipeline.Define(one, "a@2", "out", pipeline.Name("reader")),
	)
	require.NoError(t, err)
	c := catalog.New()
	for _, name := range p.Datasets() {
		require.NoError(t, c.Set(t.Context(), name, new(catalog.MemoryDataset)))
	}
	s := NewSchedule(p)
	e := &execution{req: Request{Catalog: c}, schedule: s, data: c.Select(s.layout), done: []bool{true, false}}
	require.Equal(t, []string{"reader"}, e.resumeNodes(t.Context()))
}
