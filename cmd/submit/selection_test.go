package main

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/cli"
)

// An interrupted bulk command says one line, however many things were left.
func TestEachStopsAtAnInterrupt(t *testing.T) {
	for name, tt := range map[string]struct {
		n, stopAt int
		fails     bool // the thing in hand, as calls do whose context has ended
		want      string
		asked     int
	}{
		"in a call":             {300, 5, true, "stopped after 5 of 300 runs; the others were not asked", 6},
		"between two":           {300, 5, false, "stopped after 6 of 300 runs; the others were not asked", 6},
		"after the last":        {3, 2, false, "", 3},
		"in the last":           {3, 2, true, "stopped after 2 of 3 runs; the others were not asked", 3},
		"of one: its own error": {1, 0, true, "context canceled", 1},
		"not at all":            {3, 9, false, "", 3},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var stderr bytes.Buffer
			a, asked := &app{env: &cli.Env{Stderr: &stderr}}, 0
			err := a.each(ctx, "runs", tt.n, func(i int) error {
				asked++
				if i == tt.stopAt {
					cancel()
				}
				if tt.fails {
					return ctx.Err()
				}
				return nil
			})
			require.Equal(t, tt.asked, asked)
			require.Empty(t, stderr.String())
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
			if tt.n > 1 {
				require.Equal(t, cli.Interrupted, cli.CodeOf(err))
			}
		})
	}
}

// What failed before the interrupt is told as well.
func TestEachTellsWhatFailedBeforeAnInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var stderr bytes.Buffer
	a := &app{env: &cli.Env{Stderr: &stderr}}
	err := a.each(ctx, "workers", 9, func(i int) error {
		if i == 0 {
			return errors.New("no such worker")
		}
		cancel()
		return ctx.Err()
	})
	require.EqualError(t, err, "stopped after 1 of 9 workers; the others were not asked")
	require.Equal(t, "error: no such worker\n", stderr.String())
}
