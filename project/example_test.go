package project_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
)

// A project in Go: a function that makes a pipeline, under a name.
func ExampleNew() {
	clean := func(orders []string) []string { return orders }
	proj := project.New("shop", project.WithPipeline("cleaning", func() (*pipeline.Pipeline, error) {
		return pipeline.New(pipeline.Define(clean, "orders", "clean_orders", pipeline.Name("clean_orders_node")))
	}))

	all, err := proj.Pipelines().Get(project.Default)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(proj.Name(), proj.Pipelines().Names())
	for _, node := range all.Nodes() {
		fmt.Println(node)
	}
	// Output:
	// shop [__default__ cleaning]
	// clean_orders_node: ExampleNew.func1([orders]) -> [clean_orders]
}

// A project in files: settings, and a pipeline whose nodes are programs.
func ExampleLoad() {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	files := map[string]string{
		"kedge.yml": "name: shop\n",
		"pipelines/cleaning.yml": `
nodes:
  - name: sort_orders
    command: sort {inputs.orders} > {outputs.sorted}
    inputs: orders
    outputs: {sorted: sorted_orders}
`,
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			fmt.Println(err)
			return
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			fmt.Println(err)
			return
		}
	}

	proj, err := project.Load(dir, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	cleaning, err := proj.Pipelines().Get("cleaning")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cleaning.Nodes()[0])
	// Output:
	// sort_orders: sh([orders]) -> [sorted_orders]
}
