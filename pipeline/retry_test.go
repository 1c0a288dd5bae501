package pipeline_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/pipeline"
)

func TestMarkedErrorsStayThemselves(t *testing.T) {
	broken := errors.New("broken")
	for _, mark := range []func(error) error{pipeline.Transient, pipeline.Permanent} {
		require.NoError(t, mark(nil))
		require.ErrorIs(t, mark(broken), broken)
		require.Equal(t, "broken", mark(broken).Error())
	}
	var again interface{ Retryable() bool }
	require.ErrorAs(t, pipeline.Transient(broken), &again)
	require.True(t, again.Retryable())
	var final interface{ Permanent() bool }
	require.ErrorAs(t, pipeline.Permanent(broken), &final)
	require.True(t, final.Permanent())
}
