package chaos

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedge-run/kedge/internal/audit"
	"github.com/kedge-run/kedge/messages"
)

// form is how long and how hard the suite tries.
type form struct {
	lease   time.Duration
	runs    int // of each fleet
	faults  int // of each fleet
	limit   time.Duration
	workers int
	rounds  int // of measured kills
}

// forms: the full one has the times of production.
func chosenForm() form {
	if os.Getenv("KEDGE_CHAOS") == "full" {
		return form{lease: 12 * time.Second, runs: 5000, faults: 45, limit: 10 * time.Minute, workers: 4, rounds: 8}
	}
	return form{lease: 2 * time.Second, runs: 600, faults: 28, limit: 4 * time.Minute, workers: 3, rounds: 4}
}

// chosenSeed repeats a run of the suite when KEDGE_CHAOS_SEED is set.
func chosenSeed(t *testing.T) uint64 {
	t.Helper()
	if text := os.Getenv("KEDGE_CHAOS_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		return seed
	}
	return rand.Uint64()
}

func TestChaosEmbedded(t *testing.T) { runChaos(t, "one server, as embedded", 1) }

func TestChaosCluster(t *testing.T) { runChaos(t, "three servers, three copies", 3) }

// runChaos breaks a fleet under load and audits what is left.
func runChaos(t *testing.T, title string, servers int) {
	form, seed := chosenForm(), chosenSeed(t)
	t.Logf("KEDGE_CHAOS_SEED=%d", seed)
	began := time.Now()
	f := newFleet(t, servers, form.workers, 16, form.lease)
	replies := f.listen()
	c := newCrowd(f, seed)
	b := &breaker{f: f, random: rand.New(rand.NewPCG(seed, 8)), counts: map[string]int{}}
	ctx, cancel := context.WithTimeout(t.Context(), form.limit)
	defer cancel()
	require.NoError(t, c.clients[0].SetLimit(ctx, "chaos-*", messages.Limit{Concurrency: keyLimit}))
	order := b.order(form.faults)
	for i, fault := range order {
		// Runs come while the fault is there, and a bit before and after.
		var batch sync.WaitGroup
		pause := b.upTo(0.1)
		batch.Go(func() { c.submit(ctx, form.runs*(i+1)/len(order)-form.runs*i/len(order), form.lease/4) })
		wait(ctx, pause)
		t.Logf("%6.1f s: %s", time.Since(began).Seconds(), fault.name)
		fault.act(b, ctx)
		b.counts[fault.name]++
		batch.Wait()
	}
	b.asleep.Wait()
	c.group.Wait()
	b.counts["submits twice at once"], b.counts["requests that came too late"] = c.duplicates, 2*c.late
	b.counts["submits refused by a full queue"], b.counts["cancels"] = c.full, c.cancels
	b.counts["submits that a wrong clock gave up"], b.counts["runs with a concurrency key"] = c.unstored, c.keyed

	result := table{title: title, counts: b.counts, runs: len(c.runs), states: c.states, wrong: len(c.wrong)}
	result.findings = f.auditUntilQuiet(c.runs)
	starts := f.starts()
	for _, of := range starts {
		if len(of) > 1 {
			result.again++
		}
	}
	result.recoveries, result.doubles, result.took = f.recoveries(starts), replies.doubles(), time.Since(began)
	t.Log(result)
	for _, finding := range result.findings {
		t.Log(finding)
	}
	require.Empty(t, c.wrong)
	require.Empty(t, result.findings)
	require.Zero(t, result.doubles)
}

// auditUntilQuiet lets leases and graces run out, and gives what the auditor still finds then.
func (f *fleet) auditUntilQuiet(runs []audit.Run) []audit.Finding {
	var found []audit.Finding
	deadline := time.Now().Add(patience)
	for {
		f.eventually("auditing", func(ctx context.Context) error {
			snapshot, err := audit.Read(ctx, f.js, messages.Subjects{})
			if err == nil {
				found = snapshot.Findings(audit.Expect{Submitted: runs, Ended: true})
			}
			return err
		})
		if len(found) == 0 || time.Now().After(deadline) {
			return found
		}
		wait(f.t.Context(), f.lease/4)
	}
}
