package oracle

import (
	"encoding/json"
	"fmt"
	"testing"
)

// Graph is a large pipeline with Kedro's answers (conformance/graphs/README.md).
type Graph struct {
	Format  string      `json:"format"`
	Seed    Value       `json:"seed"`
	Size    int         `json:"size"`
	Nodes   []GraphNode `json:"nodes"`
	Free    []string    `json:"free"` // datasets that no node makes, parameters left aside, sorted
	Queries []Query     `json:"queries"`
	Order   struct {
		Layers      int    `json:"layers"`
		LayerSizes  []int  `json:"layer_sizes"`
		OrderSHA256 string `json:"order_sha256"` // names sorted within a layer, one per line
	} `json:"order"`
}

// GraphNode is one node of a [Graph]; Name is the full name, namespace included.
type GraphNode struct {
	Name      string   `json:"name"`
	Inputs    []string `json:"inputs"`
	Outputs   []string `json:"outputs"`
	Tags      []string `json:"tags"`
	Namespace string   `json:"namespace"`
}

// Query is a filter with the nodes that Kedro keeps: their number and the
// SHA-256 of their sorted names, each followed by a newline; or Error, when the
// filter must fail.
type Query struct {
	ID          string              `json:"id"`
	Filter      map[string][]string `json:"filter"`
	Count       int                 `json:"count"`
	NamesSHA256 string              `json:"names_sha256"`
	Error       json.RawMessage     `json:"error"`
}

// ReadGraph reads the graph of 100, 1000 or 10000 nodes.
func ReadGraph(size int) (Graph, error) {
	var g Graph
	text, err := unpack(files, fmt.Sprintf("conformance/graphs/dag_%d.json.gz", size))
	if err == nil {
		err = decode(text, &g)
	}
	if err != nil {
		return Graph{}, fmt.Errorf("graph of %d nodes: %w", size, err)
	}
	return g, nil
}

// LoadGraph is [ReadGraph] for tests, which fail when the graph can't be read.
func LoadGraph(t testing.TB, size int) Graph {
	t.Helper()
	g, err := ReadGraph(size)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
