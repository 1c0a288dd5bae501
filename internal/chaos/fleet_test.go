package chaos

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/natsx"
)

const queue = "chaos"

// fleet is servers, their proxies, and workers.
type fleet struct {
	t       *testing.T
	lease   time.Duration
	slots   int
	servers []*node
	js      jetstream.JetStream // past the proxies

	mu      sync.Mutex // guards the fields below
	workers []*process
	killed  map[string]time.Time // when a worker was killed, by its id
}

// node is one server and the way to it.
type node struct {
	role    serverRole
	proxy   *proxy
	process *process
}

// newFleet starts one server, or a cluster, and sets it up.
func newFleet(t *testing.T, servers, workers, slots int, lease time.Duration) *fleet {
	t.Helper()
	f := &fleet{t: t, lease: lease, slots: slots, killed: map[string]time.Time{}}
	stores := t.TempDir() // before the cleanup: what is asked for last goes first
	t.Cleanup(f.end)
	var routes []string
	for i := range servers {
		name := "server-" + strconv.Itoa(i)
		n := &node{role: serverRole{Name: name, Store: filepath.Join(stores, name), Port: freePort(t), ClusterPort: freePort(t)}}
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", n.role.ClusterPort))
		f.servers = append(f.servers, n)
	}
	var urls []string
	for _, n := range f.servers {
		if servers > 1 {
			n.role.Routes = routes
		}
		n.proxy = startProxy(t, fmt.Sprintf("127.0.0.1:%d", n.role.Port))
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", n.role.Port))
		f.startServer(n)
	}
	nc, err := natsx.Connect(t.Context(), natsx.ConnectOptions{URL: strings.Join(urls, ","), Name: "suite", Wait: time.Minute})
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	f.js, err = jetstream.New(nc)
	require.NoError(t, err)
	topology := natsx.Topology{Queues: []string{queue}, Replicas: servers, AckWait: lease}
	f.eventually("setting up", func(ctx context.Context) error { return topology.Setup(ctx, f.js) })
	for range workers {
		f.addWorker()
	}
	return f
}

// patience is how long a step may take that must succeed in the end.
const patience = 2 * time.Minute

// eventually tries until it works.
func (f *fleet) eventually(what string, try func(context.Context) error) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		once, stop := context.WithTimeout(ctx, 10*time.Second)
		err := try(once)
		stop()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			require.NoError(f.t, err, what)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (f *fleet) startServer(n *node) {
	f.t.Helper()
	f.eventually("starting "+n.role.Name, func(context.Context) error {
		p, err := launch(role{Server: &n.role})
		if err == nil {
			n.process = p
		}
		return err
	})
}

// url is the way through the proxies.
func (f *fleet) url() string {
	var urls []string
	for _, n := range f.servers {
		urls = append(urls, n.proxy.url())
	}
	return strings.Join(urls, ",")
}

func (f *fleet) addWorker() {
	f.t.Helper()
	f.eventually("starting a worker", func(context.Context) error {
		p, err := launch(role{Worker: &workerRole{URL: f.url(), Queue: queue, Lease: f.lease, Slots: f.slots}})
		if err == nil {
			f.mu.Lock()
			f.workers = append(f.workers, p)
			f.mu.Unlock()
		}
		return err
	})
}

// kill kills a worker and notes when.
func (f *fleet) kill(p *process) {
	f.mu.Lock()
	f.killed[p.name] = time.Now()
	for i, other := range f.workers {
		if other == p {
			f.workers = append(f.workers[:i:i], f.workers[i+1:]...)
			break
		}
	}
	f.mu.Unlock()
	p.kill()
}

func (f *fleet) pick(n int) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.workers[n%len(f.workers)]
}

func (f *fleet) end() {
	f.mu.Lock()
	workers := f.workers
	f.mu.Unlock()
	for _, p := range workers {
		p.kill()
	}
	for _, n := range f.servers {
		if n.process != nil {
			n.process.kill()
		}
	}
}

// client gives a submitter's client, through the proxies.
func (f *fleet) client() *client.Client {
	f.t.Helper()
	nc, err := natsx.Connect(f.t.Context(), natsx.ConnectOptions{URL: f.url(), Name: "submitter", Wait: time.Minute})
	require.NoError(f.t, err)
	c, err := client.New(nc, client.Config{Queue: queue, By: "chaos"})
	require.NoError(f.t, err)
	f.t.Cleanup(func() {
		_ = c.Close()
		nc.Close()
	})
	return c
}

// leader is the server that leads the stream of statuses.
func (f *fleet) leader() *node {
	var found *node
	f.eventually("finding the leader", func(ctx context.Context) error {
		stream, err := f.js.Stream(ctx, "KV_kedge_runs")
		if err != nil {
			return err
		}
		for _, n := range f.servers {
			if info := stream.CachedInfo(); info.Cluster != nil && info.Cluster.Leader == n.role.Name {
				found = n
				return nil
			}
		}
		return fmt.Errorf("no leader")
	})
	return found
}

// limit changes the size of a stream.
func (f *fleet) limit(stream string, change func(info *jetstream.StreamInfo) int64) {
	f.eventually("changing "+stream, func(ctx context.Context) error {
		s, err := f.js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		config := s.CachedInfo().Config
		config.MaxBytes = change(s.CachedInfo())
		_, err = f.js.UpdateStream(ctx, config)
		return err
	})
}
