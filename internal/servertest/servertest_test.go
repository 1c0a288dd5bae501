//go:build unix

package servertest

import (
	"net"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPostgresAnswers(t *testing.T) {
	address, err := url.Parse(Postgres(t))
	require.NoError(t, err)
	conn, err := net.Dial("tcp", address.Host)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}
