// Command bench measures Kedge: its worker loop against a bare nats.go loop on the same server settings, the session
// and the pipelines without any server, and what a worker costs when it starts, idles and dies.
//
// It prints a table and writes results.json: [{"name", "value", "unit", "baseline", "ratio"}]. Every process of a
// measurement (server, worker, submitter) is a process of its own on loopback TCP, with a fresh store for each figure.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"testing"
	"text/tabwriter"
)

func main() {
	testing.Init() // for testing.Benchmark
	role := flag.String("role", "", "what a child process does; empty: measure")
	url := flag.String("url", "", "server of a child process")
	store := flag.String("store", "", "store folder of a server process")
	always := flag.Bool("always", false, "server process: sync every write")
	python := flag.String("python", "", "interpreter of a worker process that hosts a Python project")
	project := flag.String("project", "", "that project")
	slots := flag.Int("slots", 0, "runs at a time of a worker process; 0: the loop figures for 16 and for 64")
	out := flag.String("out", "results.json", "where the results go")
	slow := flag.Bool("slow", true, "measure recovery and long runs with the default times, which takes minutes")
	only := flag.String("only", "", "measure one part: session, graphs, conf, hosted, process, loop, limits, cancel, recovery")
	runs := flag.Int("runs", 20000, "runs of a throughput figure at default sync; a quarter of it under SyncAlways")
	sync := flag.String("sync", "both", "server's sync setting of the loop figures: default, always, both")
	flag.Parse()
	ctx, stop := untilSignal()
	defer stop()
	defer profile(*role)()
	var err error
	switch *role {
	case "":
		err = measure(ctx, options{out: *out, slow: *slow, only: *only, sync: *sync, runs: *runs, slots: *slots})
	case "server":
		err = serve(ctx, *store, *always)
	case "raw":
		err = rawRole(ctx, *url, *slots)
	case "kedge":
		err = work(ctx, *url, *slots)
	case "hosted":
		err = hostedRole(ctx, *url, *python, *project, *slots)
	default:
		err = fmt.Errorf("no role %q", *role)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// profile writes a CPU profile of this process into the folder that KEDGE_BENCH_PROFILE names, for people who look for
// what stands between the loop and its goal.
func profile(role string) (stop func()) {
	dir := os.Getenv("KEDGE_BENCH_PROFILE")
	if dir == "" {
		return func() {}
	}
	if role == "" {
		role = "submitter"
	}
	file, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.prof", role, os.Getpid())))
	if err != nil || pprof.StartCPUProfile(file) != nil {
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}
}

type options struct {
	out         string
	slow        bool
	only, sync  string
	runs, slots int
}

// measure runs all parts and reports.
func measure(ctx context.Context, o options) error {
	report := &report{}
	parts := []struct {
		name string
		run  func() error
	}{
		{"session", func() error { return emptyRuns(ctx, report) }},
		{"graphs", func() error { return graphs(report) }},
		{"conf", func() error { return conf(ctx, report) }},
		{"hosted", func() error { return hostedRuns(ctx, report) }},
		{"process", func() error { return processes(ctx, report, o) }},
		{"loop", func() error { return loops(ctx, report, o) }},
		{"limits", func() error { return limits(ctx, report) }},
		{"cancel", func() error { return cancels(ctx, report) }},
		{"recovery", func() error {
			if !o.slow {
				return nil
			}
			return recovery(ctx, report)
		}},
	}
	for _, part := range parts {
		if o.only != "" && o.only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return report.write(o.out)
}

// figure is one measured value. Baseline is what it is compared with (the raw loop, Kedro, or a budget), 0 for none.
type figure struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	Baseline float64 `json:"baseline"`
	Ratio    float64 `json:"ratio"`
}

type report struct{ figures []figure }

// add notes a figure and shows it at once, since a whole run takes minutes.
func (r *report) add(name string, value float64, unit string, baseline float64) {
	f := figure{Name: name, Value: value, Unit: unit, Baseline: baseline}
	if baseline != 0 {
		f.Ratio = value / baseline
	}
	r.figures = append(r.figures, f)
	fmt.Fprintf(os.Stderr, "%s: %.4g %s\n", name, value, unit)
}

// compare notes the median of what was measured in turns, and the median of the turns' ratios.
func (r *report) compare(name string, values []float64, unit string, baselines []float64) {
	ratios := make([]float64, len(values))
	for i := range ratios {
		ratios[i] = values[i] / baselines[i]
	}
	r.add(name, median(values), unit, median(baselines))
	r.figures[len(r.figures)-1].Ratio = median(ratios)
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func (r *report) write(path string) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "figure\tvalue\tunit\tbaseline\tratio")
	for _, f := range r.figures {
		baseline, ratio := "", ""
		if f.Baseline != 0 {
			baseline, ratio = fmt.Sprintf("%.4g", f.Baseline), fmt.Sprintf("%.2f", f.Ratio)
		}
		fmt.Fprintf(table, "%s\t%.4g\t%s\t%s\t%s\n", f.Name, f.Value, f.Unit, baseline, ratio)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r.figures, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
