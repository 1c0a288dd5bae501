package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/spf13/pflag"

	"github.com/kedge-run/kedge/internal/natsx"
	"github.com/kedge-run/kedge/messages"
)

// Connection says which NATS server to talk to, and as whom.
type Connection struct {
	URL   string // --nats, NATS_URL
	Creds string // --creds, NATS_CREDS: a JWT and its seed
	NKey  string // --nkey, NATS_NKEY: a seed
	CA    string // --tls-ca, NATS_CA
	Cert  string // --tls-cert, NATS_CERT
	Key   string // --tls-key, NATS_KEY
}

// Add defines the flags of the connection on set. What is not given comes from the
// environment.
func (c *Connection) Add(set *pflag.FlagSet, env *Env) {
	set.StringVar(&c.URL, "nats", env.Getenv("NATS_URL", nats.DefaultURL), "`URL` of the NATS server, several separated by commas (NATS_URL)")
	set.StringVar(&c.Creds, "creds", env.Getenv("NATS_CREDS", ""), "credentials `file` for the NATS server: JWT and seed (NATS_CREDS)")
	set.StringVar(&c.NKey, "nkey", env.Getenv("NATS_NKEY", ""), "`file` with the seed of an NKey for the NATS server (NATS_NKEY)")
	set.StringVar(&c.CA, "tls-ca", env.Getenv("NATS_CA", ""), "`file` with the certificates that the server's must come from (NATS_CA)")
	set.StringVar(&c.Cert, "tls-cert", env.Getenv("NATS_CERT", ""), "client certificate `file` (NATS_CERT)")
	set.StringVar(&c.Key, "tls-key", env.Getenv("NATS_KEY", ""), "`file` with the key of the client certificate (NATS_KEY)")
	for _, name := range []string{"nats", "creds"} { // the help shows defaults, and a URL may hold a password
		set.Lookup(name).DefValue = env.Mask(set.Lookup(name).DefValue)
	}
}

// WorkerInbox is where workers and admins get their answers.
const WorkerInbox = "_INBOX.worker"

// TenantInbox is where submitters of a tenant get their answers.
func TenantInbox(tenant string) string { return "_INBOX.tenant." + messages.EncodeToken(tenant) }

// Options reads the files that the flags name. The error is an [Error].
func (c *Connection) Options() (natsx.ConnectOptions, error) {
	options := natsx.ConnectOptions{URL: c.URL, Credentials: c.Creds, NKeySeed: c.NKey}
	for _, file := range []struct{ flag, path string }{
		{"creds", c.Creds}, {"nkey", c.NKey}, {"tls-ca", c.CA}, {"tls-cert", c.Cert}, {"tls-key", c.Key},
	} {
		if file.path == "" {
			continue
		}
		if _, err := os.Stat(file.path); err != nil {
			return options, &Error{Code: Usage, Err: fmt.Errorf("--%s: %w", file.flag, err), Hint: "name the file with --" + file.flag + ", or in the environment"}
		}
	}
	if c.Creds != "" && c.NKey != "" {
		return options, &Error{Code: Usage, Err: errors.New("--creds and --nkey are both given"), Hint: "a server knows you by one of them"}
	}
	if (c.Cert == "") != (c.Key == "") {
		return options, &Error{Code: Usage, Err: errors.New("--tls-cert and --tls-key belong together, and one is given"), Hint: "name the other file too, or in NATS_CERT or NATS_KEY"}
	}
	var err error
	if options.TLS, err = c.tls(); err != nil {
		return options, &Error{Code: Usage, Err: err}
	}
	return options, nil
}

// tls is nil when no flag asks for it: a URL that begins with tls:// still does.
func (c *Connection) tls() (*tls.Config, error) {
	if c.CA == "" && c.Cert == "" && c.Key == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("--tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--tls-ca: %s holds no certificate", c.CA)
		}
	}
	if c.Cert != "" || c.Key != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
