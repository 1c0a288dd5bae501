package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/session"
)

// emptyRuns measures ServiceSession.Run of chains of nodes that do nothing, in process, with an observer and the log of
// a worker that is asked for warnings.
func emptyRuns(ctx context.Context, report *report) error {
	ctx = zerolog.New(os.Stderr).Level(zerolog.WarnLevel).WithContext(ctx)
	for _, nodes := range []int{1, 10, 100} {
		dir, err := os.MkdirTemp("", "kedge-bench")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		s, err := openSession(ctx, dir, project.WithPipeline("__default__", chain(nodes)))
		if err != nil {
			return err
		}
		result, err := quietest(func(b *testing.B) error {
			for b.Loop() {
				if _, err := s.Run(ctx, session.RunOptions{Observe: func(session.Event) {}}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		budget := map[int]float64{1: 35, 100: 100}[nodes]
		report.add(fmt.Sprintf("session: empty run, %d nodes", nodes), micros(result), "us", budget)
		report.add(fmt.Sprintf("session: empty run, %d nodes, allocations", nodes), float64(result.AllocsPerOp()), "", 0)
	}
	return nil
}

// quietest is the best of five benchmarks of something: the one that the machine's other work has disturbed least.
func quietest(measured func(b *testing.B) error) (best testing.BenchmarkResult, failed error) {
	for i := range 5 {
		result := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			if err := measured(b); err != nil {
				failed = err
			}
		})
		if failed != nil {
			return best, failed
		}
		if i == 0 || result.NsPerOp() < best.NsPerOp() {
			best = result
		}
	}
	return best, nil
}

// chain is a pipeline of n nodes, each of which gives on what it got, whatever that is: as Kedro's do.
func chain(n int) func() (*pipeline.Pipeline, error) {
	return func() (*pipeline.Pipeline, error) {
		parts := make([]pipeline.Part, n)
		for i := range parts {
			output := fmt.Sprintf("d%d", i)
			if i == 0 {
				parts[i] = pipeline.Define(func(...any) any { return 1 }, nil, output, pipeline.Name("n0"))
				continue
			}
			parts[i] = pipeline.Define(func(x any) any { return x }, fmt.Sprintf("d%d", i-1), output, pipeline.Name(fmt.Sprintf("n%d", i)))
		}
		return pipeline.New(parts...)
	}
}

func micros(r testing.BenchmarkResult) float64 {
	return float64(r.T.Nanoseconds()) / float64(r.N) / 1000
}

// kedroBuild is what Kedro 1.7.0 needs to build each graph, in milliseconds: the baseline of the figures here (conformance/graphs/README.md).
var kedroBuild = map[string]float64{"100": 0.90, "1000": 11.5, "10000": 159, "100 ns": 1.4, "1000 ns": 25.8, "10000 ns": 4168}

// graphs measures building and filtering large pipelines, and checks every answer against Kedro's.
func graphs(report *report) error {
	for _, size := range []int{100, 1000, 10000} {
		for _, namespaces := range []bool{false, true} {
			if err := graph(report, size, namespaces); err != nil {
				return fmt.Errorf("graph of %d nodes: %w", size, err)
			}
		}
	}
	return nil
}

func graph(report *report, size int, namespaces bool) error {
	var data oracle.Graph
	testing.Benchmark(func(b *testing.B) { // only for its testing.TB; it is called several times
		if data.Nodes == nil {
			data = oracle.LoadGraph(b, size)
		}
	})
	if len(data.Nodes) != size {
		return errors.New("the graph was not read")
	}
	key := fmt.Sprint(size)
	if namespaces {
		key += " ns"
	} else {
		stripNamespaces(&data)
	}
	nodes, err := graphNodes(data)
	if err != nil {
		return err
	}
	var built *pipeline.Pipeline
	best := time.Hour
	for range 5 {
		begin := time.Now()
		if built, err = pipeline.New(nodes...); err != nil {
			return err
		}
		best = min(best, time.Since(begin))
	}
	report.add("pipeline: build "+key+" nodes", millis(best), "ms", kedroBuild[key])
	slowest, which := time.Duration(0), ""
	for _, query := range data.Queries {
		took, err := ask(built, query, namespaces)
		if err != nil {
			return fmt.Errorf("query %s: %w", query.ID, err)
		}
		if took > slowest {
			slowest, which = took, query.ID
		}
	}
	report.add(fmt.Sprintf("pipeline: slowest of %d filters, %s nodes (%s)", len(data.Queries), key, which), millis(slowest), "ms", 20)
	return nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func graphNodes(data oracle.Graph) ([]pipeline.Part, error) {
	parts := make([]pipeline.Part, len(data.Nodes))
	for i, n := range data.Nodes {
		options := []pipeline.NodeOption{pipeline.Name(strings.TrimPrefix(n.Name, n.Namespace+".")), pipeline.Tags(n.Tags...)}
		if n.Namespace != "" {
			options = append(options, pipeline.Namespace(n.Namespace))
		}
		node, err := pipeline.NewNode(nothing{len(n.Inputs)}, n.Inputs, n.Outputs, options...)
		if err != nil {
			return nil, err
		}
		parts[i] = node
	}
	return parts, nil
}

// nothing is the function of a graph's node, which is never called.
type nothing struct{ inputs int }

func (nothing) Name() string   { return "nothing" }
func (nothing) Module() string { return "bench" }
func (nothing) Call(context.Context, pipeline.Inputs) (any, error) {
	return nil, errors.New("a node of a graph is not there to be called")
}

// ask puts one query and compares the answer: with namespaces by Kedro's hash, without them by the number of nodes,
// since the names differ. It gives the best of three times.
func ask(p *pipeline.Pipeline, query oracle.Query, namespaces bool) (time.Duration, error) {
	f := query.Filter
	options := pipeline.FilterOptions{
		Tags: f["tags"], FromNodes: f["from_nodes"], ToNodes: f["to_nodes"], NodeNames: f["node_names"],
		FromInputs: f["from_inputs"], ToOutputs: f["to_outputs"], NodeNamespaces: f["node_namespaces"],
	}
	if !namespaces && len(options.NodeNamespaces) > 0 {
		return 0, nil
	}
	best := time.Hour
	var got *pipeline.Pipeline
	var err error
	for range 3 {
		begin := time.Now()
		got, err = p.Filter(options)
		best = min(best, time.Since(begin))
	}
	switch {
	case query.Error != nil && err == nil:
		return 0, errors.New("must fail, and did not")
	case query.Error != nil:
		return best, nil
	case err != nil:
		return 0, err
	case len(got.Nodes()) != query.Count:
		return 0, fmt.Errorf("%d nodes, want %d", len(got.Nodes()), query.Count)
	case namespaces && hash(got) != query.NamesSHA256:
		return 0, errors.New("other nodes than Kedro keeps")
	}
	return best, nil
}

func hash(p *pipeline.Pipeline) string {
	names := make([]string, len(p.Nodes()))
	for i, n := range p.Nodes() {
		names[i] = n.Name()
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintln(sum, name)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// stripNamespaces takes the namespaces off, in the nodes and in the queries.
func stripNamespaces(data *oracle.Graph) {
	plain := map[string]string{}
	for i := range data.Nodes {
		n := &data.Nodes[i]
		short := strings.TrimPrefix(n.Name, n.Namespace+".")
		plain[n.Name] = short
		n.Name, n.Namespace = short, ""
	}
	for _, query := range data.Queries {
		for _, names := range query.Filter {
			for i, name := range names {
				if short, ok := plain[name]; ok {
					names[i] = short
				}
			}
		}
	}
}
