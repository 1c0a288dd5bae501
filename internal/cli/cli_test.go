package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

func TestTheDocumentListsEveryExitCode(t *testing.T) {
	doc, err := os.ReadFile("../../docs/cli.md")
	require.NoError(t, err)
	for _, code := range cli.ExitCodes() {
		require.Contains(t, string(doc), fmt.Sprintf("| %d | %s |\n", int(code), code.Meaning()))
		require.Contains(t, cli.ExitCodeTable(""), fmt.Sprintf("%3d  %s\n", int(code), code.Meaning()))
	}
}

func TestReport(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code cli.ExitCode
		out  string
	}{
		"nothing":        {nil, cli.OK, ""},
		"any error":      {errors.New("it broke"), cli.Failed, "error: it broke\n"},
		"usage":          {cli.ExtraArguments([]string{"x", "y"}), cli.Usage, "error: Got unexpected extra arguments (x y)\n"},
		"code and hint":  {fmt.Errorf("asking: %w", &cli.Error{Code: cli.NotFound, Err: errors.New("no such run"), Hint: "look"}), cli.NotFound, "error: asking: no such run\nhint: look\n"},
		"said already":   {&cli.Error{Code: cli.Cancelled}, cli.Cancelled, ""},
		"a secret":       {errors.New("dialing nats://me:secret@host:4222 failed"), cli.Failed, "error: dialing nats://<redacted>@host:4222 failed\n"},
		"not reachable":  {cli.Explain(client.ErrNotReachable), cli.Unreachable, "error: no NATS server answered\nhint: start a worker with its own server: worker --project DIR --embedded; or name a server: --nats URL, or NATS_URL\n"},
		"several queues": {cli.Explain(&client.QueueError{}), cli.Usage, ""},
		"refused":        {cli.Explain(&client.RejectedError{Field: "run_id", Reason: "too long"}), cli.Usage, "error: run_id: too long\n"},
		"unknown run":    {cli.Explain(fmt.Errorf("x: %w", client.ErrNotFound)), cli.NotFound, ""},
		"too large":      {cli.Explain(client.ErrTooLarge), cli.Rejected, ""},
		"full":           {cli.Explain(client.ErrFull), cli.Rejected, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.Equal(t, tt.code, cli.Report(&cli.Env{Stderr: &out}, tt.err))
			if tt.out != "" || tt.err == nil {
				require.Equal(t, tt.out, out.String())
			}
		})
	}
}

func TestProjectQueue(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "a", "b")
	require.NoError(t, os.MkdirAll(below, 0o700))
	queue, err := cli.ProjectQueue(below)
	require.NoError(t, err)
	require.Empty(t, queue, "no project: the workers are asked")

	write := func(text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "kedge.yml"), []byte(text), 0o600))
	}
	write("name: spaceflights\n")
	queue, err = cli.ProjectQueue(below)
	require.NoError(t, err)
	require.Equal(t, "spaceflights", queue)

	write("conf_source: conf\n")
	queue, err = cli.ProjectQueue(dir)
	require.NoError(t, err)
	require.Empty(t, queue)

	write("name: [\n")
	_, err = cli.ProjectQueue(dir)
	require.ErrorContains(t, err, "kedge.yml")
}

func TestServerFlagsComeFromTheEnvironment(t *testing.T) {
	values := map[string]string{"NATS_URL": "nats://me:secret@host", "NATS_CREDS": "/a.creds", "KEDGE_TENANT": "red"}
	env := &cli.Env{Lookup: func(name string) (string, bool) { v, ok := values[name]; return v, ok }}
	set := pflag.NewFlagSet("x", pflag.ContinueOnError)
	flags := cli.AddServerFlags(set, env)
	require.NoError(t, set.Parse([]string{"--tenant", "blue"}))
	require.Equal(t, &cli.ServerFlags{Connection: cli.Connection{URL: "nats://me:secret@host", Creds: "/a.creds"}, Tenant: "blue", MaxData: messages.DefaultMaxDataBytes}, flags)
	require.NotContains(t, set.FlagUsages(), "secret")
}
