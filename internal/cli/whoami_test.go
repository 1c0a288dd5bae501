package cli

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhoami(t *testing.T) {
	host, err := os.Hostname()
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		values map[string]string
		want   string
	}{
		"nobody":     {nil, ""},
		"a user":     {map[string]string{"USER": "ada", "LOGNAME": "other"}, "ada@" + host},
		"no USER":    {map[string]string{"USER": "", "LOGNAME": "ada"}, "ada@" + host},
		"on Windows": {map[string]string{"USERNAME": "ada"}, "ada@" + host},
	} {
		t.Run(name, func(t *testing.T) {
			env := &Env{Lookup: func(name string) (string, bool) { v, ok := tt.values[name]; return v, ok }}
			require.Equal(t, tt.want, whoami(env))
		})
	}
}
