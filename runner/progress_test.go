package runner

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/pipeline"
)

func TestProgressIsThinnedOut(t *testing.T) {
	var p progress
	start := time.Now()
	told := 0
	for i := range 1000 {
		if p.tell(start.Add(time.Duration(i)*time.Millisecond), false) {
			told++
		}
	}
	require.Equal(t, 10, told)
	require.True(t, p.tell(start.Add(time.Second), true), "the end is told at once")
	require.False(t, p.tell(start.Add(time.Hour), true), "and once")
}

func TestProgressOutsideOfARun(t *testing.T) {
	Progress(t.Context(), 1, 2)
	quiet := &Task{Request: &Request{}}
	Progress(quiet.within(t.Context()), 1, 2)
	var events []Event
	task := &Task{Node: &pipeline.Node{}, Request: &Request{Observe: func(e Event) { events = append(events, e) }}}
	ctx := task.within(t.Context())
	Progress(ctx, -1, 2)
	Progress(ctx, 1, 0)
	Progress(ctx, 7, 3)
	require.Len(t, events, 1)
	require.Equal(t, NodeProgress, events[0].Kind)
	require.Equal(t, 3, events[0].Index)
	require.Equal(t, 3, events[0].Total)
}
