package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/kedge-run/kedge/internal/ledger"
	"github.com/kedge-run/kedge/worker"
)

// breaker breaks the parts of a fleet and mends them again.
type breaker struct {
	f      *fleet
	random *rand.Rand
	counts map[string]int
	asleep sync.WaitGroup // processes that are stopped for a while
}

// breakage is one kind of break. It returns when the part is mended, or is going to be.
type breakage struct {
	name    string
	cluster bool // needs three servers
	act     func(b *breaker, ctx context.Context)
}

func faults() []breakage {
	all := []breakage{
		{"SIGKILL of a worker", false, (*breaker).killWorker},
		{"SIGSTOP of a worker", false, (*breaker).stopWorker},
		{"SIGKILL of a server", false, (*breaker).killServer},
		{"loss of the stream leader", true, (*breaker).killLeader},
		{"cut connections", false, (*breaker).cut},
		{"slow connections", false, (*breaker).slow},
		{"full queue", false, (*breaker).fullQueue},
		{"full records", false, (*breaker).fullRecords},
		{"jump of a wall clock", false, (*breaker).jump},
	}
	for _, place := range []string{
		ledger.FaultClaimStored, worker.FaultClaimed, worker.FaultBeforeDone, ledger.FaultReplyStored, ledger.FaultStatusStored,
	} {
		all = append(all, breakage{"SIGKILL at: " + place, false, func(b *breaker, ctx context.Context) { b.killAt(ctx, place) }})
	}
	return all
}

// order gives n faults, each kind as often as the others, in random order.
func (b *breaker) order(n int) []breakage {
	kinds := slices.DeleteFunc(faults(), func(f breakage) bool { return f.cluster && len(b.f.servers) == 1 })
	var all []breakage
	for len(all) < n {
		all = append(all, kinds...)
	}
	all = all[:max(n, len(kinds))]
	b.random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// upTo is a random part of a lease.
func (b *breaker) upTo(leases float64) time.Duration {
	return time.Duration(b.random.Float64() * leases * float64(b.f.lease))
}

func (b *breaker) worker() *process { return b.f.pick(b.random.IntN(1 << 20)) }

func (b *breaker) killWorker(context.Context) {
	b.f.kill(b.worker())
	b.f.addWorker()
}

// killAt lets a worker die at the next passage of a place.
func (b *breaker) killAt(ctx context.Context, place string) {
	victim := b.worker()
	victim.tell("die %s", place)
	select {
	case <-victim.ended:
	case <-ctx.Done():
	case <-time.After(b.f.lease): // nothing came by
	}
	b.f.kill(victim)
	b.f.addWorker()
}

// stopWorker stops a worker for longer than its leases, beside what happens next.
func (b *breaker) stopWorker(ctx context.Context) {
	victim := b.worker()
	victim.signal(syscall.SIGSTOP)
	b.asleep.Go(func() {
		wait(ctx, b.f.lease*5/2)
		victim.signal(syscall.SIGCONT)
	})
}

func (b *breaker) killServer(ctx context.Context) {
	b.restart(ctx, b.f.servers[b.random.IntN(len(b.f.servers))])
}

func (b *breaker) killLeader(ctx context.Context) { b.restart(ctx, b.f.leader()) }

func (b *breaker) restart(ctx context.Context, n *node) {
	n.process.kill()
	wait(ctx, b.upTo(0.5))
	b.f.startServer(n)
}

func (b *breaker) proxy() *proxy { return b.f.servers[b.random.IntN(len(b.f.servers))].proxy }

func (b *breaker) cut(ctx context.Context) {
	p := b.proxy()
	p.set(true, 0)
	wait(ctx, b.upTo(0.5))
	p.set(false, 0)
}

func (b *breaker) slow(ctx context.Context) {
	p := b.proxy()
	p.set(false, 50*time.Millisecond+time.Duration(b.random.IntN(100))*time.Millisecond)
	wait(ctx, b.upTo(1))
	p.set(false, 0)
}

func (b *breaker) fullQueue(ctx context.Context)   { b.fill(ctx, "KEDGE_RUNS") }
func (b *breaker) fullRecords(ctx context.Context) { b.fill(ctx, "KV_kedge_runs") }

// fill makes a stream refuse what is stored next.
func (b *breaker) fill(ctx context.Context, stream string) {
	var usual int64
	b.f.limit(stream, func(info *jetstream.StreamInfo) int64 {
		if usual == 0 {
			usual = info.Config.MaxBytes
		}
		return int64(info.State.Bytes) + 1
	})
	wait(ctx, b.upTo(0.5))
	b.f.limit(stream, func(*jetstream.StreamInfo) int64 { return usual })
}

func (b *breaker) jump(ctx context.Context) {
	victim := b.worker()
	by := time.Hour
	if b.random.IntN(2) == 0 {
		by = -by
	}
	victim.tell("jump %s", by)
	b.asleep.Go(func() {
		wait(ctx, b.f.lease)
		victim.tell("jump 0s")
	})
}
