package ledger

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/messages"
)

func TestJudge(t *testing.T) {
	const grace = 20 * time.Second
	in := func(state messages.State) *messages.Status { return &messages.Status{State: state} }
	for name, test := range map[string]struct {
		status  *messages.Status
		request bool
		age     time.Duration
		want    tenure
	}{
		"being submitted, no status":    {nil, false, time.Second, tenureUnclear},
		"being submitted, no request":   {in(messages.StateQueued), false, time.Second, tenureUnclear},
		"cut off after the key":         {nil, false, grace, tenureOver},
		"cut off after the status":      {in(messages.StateQueued), false, grace, tenureOver},
		"a clock that runs behind":      {nil, false, -time.Hour, tenureUnclear},
		"queued":                        {in(messages.StateQueued), true, time.Second, tenureLive},
		"queued for long":               {in(messages.StateQueued), true, 100 * grace, tenureLive},
		"running":                       {in(messages.StateRunning), true, 100 * grace, tenureLive},
		"cancelling":                    {in(messages.StateCancelling), true, time.Second, tenureLive},
		"cancelled before it was there": {in(messages.StateCancelling), false, grace, tenureOver},
		"succeeded":                     {in(messages.StateSucceeded), true, time.Second, tenureOver},
		"dead":                          {in(messages.StateDead), false, time.Second, tenureOver},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, judge(test.status, test.request, test.age, grace))
		})
	}
}
