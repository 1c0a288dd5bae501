package cli_test

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func TestRetryFlags(t *testing.T) {
	parse := func(argv ...string) (messages.RetryPolicy, error) {
		set := pflag.NewFlagSet("test", pflag.ContinueOnError)
		flags := cli.AddRetryFlags(set, "default: 1")
		require.NoError(t, set.Parse(argv))
		return flags.Policy()
	}
	policy, err := parse()
	require.NoError(t, err)
	require.Equal(t, messages.RetryPolicy{}, policy)
	policy, err = parse("--max-attempts", "4", "--backoff", "2s, 1m,1.5", "--retry-on", "timeout,node_failed")
	require.NoError(t, err)
	require.Equal(t, messages.RetryPolicy{
		MaxAttempts: 4,
		Backoff:     &messages.Backoff{Initial: messages.Duration(2 * time.Second), Max: messages.Duration(time.Minute), Factor: 1.5},
		RetryOn:     []messages.Code{messages.CodeTimeout, messages.CodeNodeFailed},
	}, policy)
	for _, wrong := range [][]string{
		{"--max-attempts", "-1"}, {"--max-attempts", "101"}, {"--backoff", "soon"}, {"--backoff", "0s"}, {"--backoff", "1s,1m,0"},
		{"--backoff", "1s,1m,2,3"}, {"--backoff", "1s,48h"}, {"--backoff", "1s,1m,NaN"}, {"--retry-on", "cancelled"}, {"--retry-on", "bad luck"},
	} {
		_, err := parse(wrong...)
		require.Equal(t, cli.Usage, cli.CodeOf(err), "%v", wrong)
	}
}
