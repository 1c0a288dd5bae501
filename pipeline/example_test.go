package pipeline_test

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/kedge-run/kedge/pipeline"
)

// Company is a row of the companies table.
type Company struct{ Name string }

// CleanOptions are the parameters under "clean".
type CleanOptions struct{ Upper bool }

func clean(companies []Company, opts CleanOptions) []Company {
	out := make([]Company, 0, len(companies))
	for _, c := range companies {
		c.Name = strings.TrimSpace(c.Name)
		if opts.Upper {
			c.Name = strings.ToUpper(c.Name)
		}
		out = append(out, c)
	}
	return out
}

func count(companies []Company) (rows int, err error) { return len(companies), nil }

func Example() {
	etl, err := pipeline.New(
		pipeline.Define(count, "clean_companies", "rows", pipeline.Name("count")),
		pipeline.Define(clean, []string{"companies", "params:clean"}, "clean_companies", pipeline.Name("clean"), pipeline.Tags("etl")),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(etl.Describe(false))
	// Output:
	// #### Pipeline execution order ####
	// Inputs: companies, params:clean
	//
	// clean: clean([companies;params:clean]) -> [clean_companies]
	// count: count([clean_companies]) -> [rows]
	//
	// Outputs: rows
	// ##################################
}

// A function that does not fit its node is found when the node is made.
func ExampleNewNode() {
	_, err := pipeline.NewNode(clean, "companies", "clean_companies", pipeline.Name("clean"))
	fmt.Println(err)
	// Output:
	// node 'clean': function clean takes 2 parameters ([]pipeline_test.Company, pipeline_test.CleanOptions), but the node declares 1 input companies
}

// One pipeline can be used several times under different namespaces.
func ExampleModular() {
	template, _ := pipeline.New(pipeline.Define(clean, []string{"companies", "params:clean"}, "clean_companies", pipeline.Name("clean")))
	north, _ := pipeline.Modular(pipeline.Options{Namespace: "north", Parameters: pipeline.Keep("clean")}, template)
	south, _ := pipeline.Modular(pipeline.Options{Namespace: "south", Inputs: pipeline.Args{{Name: "companies", Dataset: "raw_south"}}}, template)
	both, err := north.Add(south)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range both.Nodes() {
		fmt.Println(n.Name(), n.Inputs(), n.Outputs())
	}
	// Output:
	// north.clean [north.companies params:clean] [north.clean_companies]
	// south.clean [raw_south params:south.clean] [south.clean_companies]
}

// All filters look at the whole pipeline; what all of them keep stays.
func ExamplePipeline_Filter() {
	step := func(in any) any { return in }
	p, _ := pipeline.New(
		pipeline.Define(step, "a", "b", pipeline.Name("first")),
		pipeline.Define(step, "b", "c", pipeline.Name("second")),
		pipeline.Define(step, "c", "d", pipeline.Name("third"), pipeline.Tags("last")),
	)
	kept, err := p.Filter(pipeline.FilterOptions{FromNodes: []string{"second"}})
	fmt.Println(kept.Inputs(), kept.Outputs(), err)
	_, err = p.Filter(pipeline.FilterOptions{Tags: []string{"last"}, ToOutputs: []string{"b"}})
	fmt.Println(err)
	// Output:
	// [b] [d] <nil>
	// Pipeline contains no nodes after applying all provided filters. Please ensure that at least one pipeline with nodes has been defined.
}

// A function that returns an iterator makes a generator node: its outputs come in chunks.
func ExampleNode_Run() {
	numbers := func(upTo int) iter.Seq[int] {
		return func(yield func(int) bool) {
			for i := 1; i <= upTo && yield(i); i++ {
			}
		}
	}
	node, _ := pipeline.NewNode(numbers, "params:up_to", "number")
	out, err := node.Run(context.Background(), map[string]any{"params:up_to": 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	for chunk, err := range out.Chunks {
		fmt.Println(chunk["number"], err)
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
}
