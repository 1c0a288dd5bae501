package runner_test

import (
	"context"
	"fmt"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/runner"
)

func ExampleThread() {
	ctx := context.Background()
	p, err := pipeline.New(
		pipeline.Define(func(a int) int { return a + 1 }, "x", "y"),
		pipeline.Define(func(a int) int { return a * a }, "y", "z"),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	c := catalog.New()
	if err := c.Set(ctx, "x", 6); err != nil {
		fmt.Println(err)
		return
	}
	result, err := runner.Thread{MaxWorkers: 2}.Run(ctx, runner.Request{Pipeline: p, Catalog: c})
	if err != nil {
		fmt.Println(err)
		return
	}
	z, err := result.Outputs["z"].Load(ctx)
	fmt.Println(z, err, result.NodesRun)
	// Output: 49 <nil> 2
}
