// Package sessiontest is the one suite that every engine of sessions passes: the
// native one, and those that run projects of another language.
package sessiontest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/session"
)

// Features says what an engine doesn't promise; the tests of it are left out by
// declaration. The zero value promises everything.
type Features struct {
	// NoCancel: a run isn't stopped when its context ends.
	NoCancel bool
	// NoLogEvents: lines that nodes log are not told.
	NoLogEvents bool
}

// Factory opens a session on the suite's project, whose pipelines are:
//
//	"add":    params:a, params:b -> sum          sum = a + b
//	"chain":  params:a -> one -> two -> three    each a + 1; nodes "first", "second", "third"; "second" has the tag "middle"
//	"fail":   params:a -> one -> never           node "first", then node "bad", which fails with the text "boom"
//	"stored": params:rid -> stored               a versioned JSON dataset in a file named by ${runtime_params:rid}
//	"wait":   params:a -> waited                 node "waiter" runs until its context ends
//	"log":    params:a -> logged                 node "logger" logs "half way" at INFO, and returns a
//
// Parameters are a: 1, b: 2, rid: none. "__default__" is the sum of "add" and nothing else.
// The folder of the session is fresh at the first call; later calls may give the same session again.
type Factory func(t *testing.T) session.Session

// Exercise runs the suite.
func Exercise(t *testing.T, open Factory, features Features) {
	suite := suite{open: open, features: features}
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s session.Session)
	}{
		{"default pipeline", suite.defaultPipeline},
		{"runtime parameters", suite.runtimeParams},
		{"filters", suite.filters},
		{"run ids", suite.runIDs},
		{"unknown pipeline", suite.unknownPipeline},
		{"unknown runner", suite.unknownRunner},
		{"failure", suite.failure},
		{"versions", suite.versions},
		{"events", suite.events},
		{"log events", suite.logEvents},
		{"plan", suite.plan},
		{"snapshot", suite.snapshot},
		{"concurrent runs", suite.concurrent},
		{"cancel", suite.cancel},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			test.run(t, s)
			require.NoError(t, s.Close())
		})
	}
}

type suite struct {
	open     Factory
	features Features
}

func (suite) run(t *testing.T, s session.Session, opts session.RunOptions) *session.Result {
	t.Helper()
	result, err := s.Run(t.Context(), opts)
	require.NoError(t, err)
	require.NoError(t, session.CheckRunID(result.RunID))
	return result
}

func load(t *testing.T, result *session.Result, name string) any {
	t.Helper()
	require.Contains(t, result.Outputs, name)
	value, err := result.Outputs[name].Load(t.Context())
	require.NoError(t, err)
	return value
}

func (x suite) defaultPipeline(t *testing.T, s session.Session) {
	result := x.run(t, s, session.RunOptions{})
	require.EqualValues(t, 3, load(t, result, "sum"))
	require.Equal(t, []string{"__default__"}, result.Pipelines)
	require.Equal(t, 1, result.NodesRun)
	require.Positive(t, result.Duration)
}

func (x suite) runtimeParams(t *testing.T, s session.Session) {
	for i := range 3 {
		result := x.run(t, s, session.RunOptions{PipelineNames: []string{"add"}, RuntimeParams: map[string]any{"a": 10 * i}})
		require.EqualValues(t, 10*i+2, load(t, result, "sum"))
	}
	require.EqualValues(t, 3, load(t, x.run(t, s, session.RunOptions{}), "sum"), "parameters of earlier runs must be gone")
}

func (x suite) filters(t *testing.T, s session.Session) {
	chain := []string{"chain"}
	require.Equal(t, 3, x.run(t, s, session.RunOptions{PipelineNames: chain}).NodesRun)
	require.Equal(t, 2, x.run(t, s, session.RunOptions{PipelineNames: chain, ToNodes: []string{"second"}}).NodesRun)
	require.Equal(t, 1, x.run(t, s, session.RunOptions{PipelineNames: chain, ToOutputs: []string{"one"}}).NodesRun)
	_, err := s.Run(t.Context(), session.RunOptions{PipelineNames: chain, Tags: []string{"middle"}})
	require.Error(t, err, "its input is produced by a node that doesn't run")
	_, err = s.Run(t.Context(), session.RunOptions{PipelineNames: chain, FromNodes: []string{"nobody"}})
	require.Equal(t, "ValueError", session.ErrorType(err))
}

func (x suite) runIDs(t *testing.T, s session.Session) {
	require.Equal(t, "given-1", x.run(t, s, session.RunOptions{RunID: "given-1"}).RunID)
	require.NotEqual(t, x.run(t, s, session.RunOptions{}).RunID, x.run(t, s, session.RunOptions{}).RunID)
	for _, id := range []string{"../x", "a/b", "a b", "*"} {
		_, err := s.Run(t.Context(), session.RunOptions{RunID: id})
		var invalid *session.InvalidRunIDError
		require.ErrorAs(t, err, &invalid)
	}
}

func (suite) unknownPipeline(t *testing.T, s session.Session) {
	_, err := s.Run(t.Context(), session.RunOptions{PipelineNames: []string{"chian"}})
	var missing *session.PipelineNotFoundError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "chian", missing.Name)
	require.Equal(t, []string{"chain"}, missing.Suggestions)
}

func (suite) unknownRunner(t *testing.T, s session.Session) {
	_, err := s.Run(t.Context(), session.RunOptions{RunnerName: "NoRunner"})
	require.Equal(t, "AttributeError", session.ErrorType(err))
}

func (suite) failure(t *testing.T, s session.Session) {
	_, err := s.Run(t.Context(), session.RunOptions{PipelineNames: []string{"fail"}})
	var failed *session.RunError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "bad", failed.Node)
	require.Equal(t, "boom", failed.Message)
	require.Contains(t, failed.Resume, `--from-nodes "first"`)
}

func (x suite) versions(t *testing.T, s session.Session) {
	opts := session.RunOptions{PipelineNames: []string{"stored"}, RuntimeParams: map[string]any{"rid": "v"}, RunID: "first-version"}
	require.Equal(t, map[string]string{"stored": "first-version"}, x.run(t, s, opts).Versions)
	opts.RunID, opts.SaveVersion = "second", "second.2"
	require.Equal(t, map[string]string{"stored": "second.2"}, x.run(t, s, opts).Versions)
}

func (x suite) events(t *testing.T, s session.Session) {
	var mu sync.Mutex
	var got []session.Event
	observe := func(e session.Event) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, e)
	}
	x.run(t, s, session.RunOptions{PipelineNames: []string{"chain"}, Observe: observe})
	var nodes []string
	for _, e := range got {
		switch e.Kind {
		case session.EventRunStarted:
			require.Equal(t, []string{"first", "second", "third"}, e.Nodes)
		case session.EventNodeFinished:
			nodes = append(nodes, fmt.Sprintf("%s %d/%d", e.Node, e.Index, e.Total))
		}
	}
	require.Equal(t, []string{"first 1/3", "second 2/3", "third 3/3"}, nodes)
}

func (x suite) logEvents(t *testing.T, s session.Session) {
	if x.features.NoLogEvents {
		return
	}
	var lines []string
	x.run(t, s, session.RunOptions{PipelineNames: []string{"log"}, Observe: func(e session.Event) {
		if e.Kind == session.EventLog {
			lines = append(lines, e.Node+" "+e.Level+" "+e.Message)
		}
	}})
	require.Equal(t, []string{"logger info half way"}, lines)
}

func (suite) plan(t *testing.T, s session.Session) {
	plan, err := s.Plan(t.Context(), session.RunOptions{PipelineNames: []string{"chain"}, FromNodes: []string{"second"}})
	require.NoError(t, err)
	require.Len(t, plan.Nodes, 2)
	require.Equal(t, "second", plan.Nodes[0].Name)
	require.Equal(t, []string{"one"}, plan.Missing)
	require.Equal(t, []string{"three"}, plan.Outputs)
}

func (suite) snapshot(t *testing.T, s session.Session) {
	snapshot, err := s.Snapshot(t.Context(), map[string]any{"rid": "snap"})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "rid"}, snapshot.Parameters)
	names := make([]string, len(snapshot.Pipelines))
	for i, p := range snapshot.Pipelines {
		names[i] = p.Name
	}
	require.ElementsMatch(t, []string{"__default__", "add", "chain", "fail", "stored", "wait", "log"}, names)
	require.Contains(t, snapshot.Datasets, "stored")
}

func (x suite) concurrent(t *testing.T, s session.Session) {
	const runs = 24
	type outcome struct {
		id    string
		value any
		err   error
	}
	outcomes := make([]outcome, runs)
	var wait sync.WaitGroup
	for i := range runs {
		wait.Go(func() {
			result, err := s.Run(t.Context(), session.RunOptions{PipelineNames: []string{"stored"},
				RuntimeParams: map[string]any{"rid": fmt.Sprintf("r%d", i)}})
			if outcomes[i].err = err; err != nil {
				return
			}
			outcomes[i].id = result.RunID
			outcomes[i].value, outcomes[i].err = result.Outputs["stored"].Load(t.Context())
		})
	}
	wait.Wait()
	ids := map[string]bool{}
	for i, o := range outcomes {
		require.NoError(t, o.err)
		require.Equal(t, fmt.Sprintf("r%d", i), o.value)
		ids[o.id] = true
	}
	require.Len(t, ids, runs)
}

// cancel ends a run that would never end by itself.
func (x suite) cancel(t *testing.T, s session.Session) {
	if x.features.NoCancel {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	started := make(chan struct{})
	go func() {
		select {
		case <-started:
		case <-ctx.Done():
		}
		cancel()
	}()
	_, err := s.Run(ctx, session.RunOptions{PipelineNames: []string{"wait"}, Observe: func(e session.Event) {
		if e.Kind == session.EventNodeStarted {
			close(started)
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	x.run(t, s, session.RunOptions{})
}
