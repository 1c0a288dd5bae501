package hook_test

import (
	"context"
	"fmt"

	"github.com/kedge-run/kedge/hook"
)

// timing is a hook: any value with one or more of the methods.
type timing struct{}

func (timing) BeforePipelineRun(_ context.Context, info hook.PipelineInfo) error {
	fmt.Println("start", info.RunParams.RunID)
	return nil
}

func (timing) AfterPipelineRun(_ context.Context, info hook.PipelineResultInfo) error {
	fmt.Println("end", info.RunParams.RunID)
	return nil
}

func ExampleNewSet() {
	set, err := hook.NewSet(timing{}, hook.BeforePipelineRunFunc(func(context.Context, hook.PipelineInfo) error {
		fmt.Println("registered last, called first")
		return nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	info := hook.PipelineInfo{RunParams: &hook.RunParams{RunID: "2026-11-23T18.36.01.166Z-5f0c2a"}}
	_ = set.BeforePipelineRun(context.Background(), info)
	_ = set.AfterPipelineRun(context.Background(), hook.PipelineResultInfo{PipelineInfo: info})
	// Output:
	// registered last, called first
	// start 2026-11-23T18.36.01.166Z-5f0c2a
	// end 2026-11-23T18.36.01.166Z-5f0c2a
}
