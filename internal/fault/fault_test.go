package fault_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/fault"
)

func TestPoints(t *testing.T) {
	var none *fault.Points
	require.NoError(t, none.At(t.Context(), "before done"))

	points, broken := &fault.Points{}, errors.New("disk full")
	require.NoError(t, points.At(t.Context(), "before done"))
	points.Set("before done", func(context.Context) error { return broken })
	require.ErrorIs(t, points.At(t.Context(), "before done"), broken)
	require.NoError(t, points.At(t.Context(), "after done"))
	points.Set("before done", nil)
	require.NoError(t, points.At(t.Context(), "before done"))
}
