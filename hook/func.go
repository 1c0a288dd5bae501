package hook

import "context"

// AfterContextCreatedFunc adapts a function to [AfterContextCreated].
type AfterContextCreatedFunc func(ctx context.Context, info ContextInfo) error

// AfterContextCreated calls f.
func (f AfterContextCreatedFunc) AfterContextCreated(ctx context.Context, info ContextInfo) error {
	return f(ctx, info)
}

// AfterCatalogCreatedFunc adapts a function to [AfterCatalogCreated].
type AfterCatalogCreatedFunc func(ctx context.Context, info CatalogInfo) error

// AfterCatalogCreated calls f.
func (f AfterCatalogCreatedFunc) AfterCatalogCreated(ctx context.Context, info CatalogInfo) error {
	return f(ctx, info)
}

// BeforePipelineRunFunc adapts a function to [BeforePipelineRun].
type BeforePipelineRunFunc func(ctx context.Context, info PipelineInfo) error

// BeforePipelineRun calls f.
func (f BeforePipelineRunFunc) BeforePipelineRun(ctx context.Context, info PipelineInfo) error {
	return f(ctx, info)
}

// AfterPipelineRunFunc adapts a function to [AfterPipelineRun].
type AfterPipelineRunFunc func(ctx context.Context, info PipelineResultInfo) error

// AfterPipelineRun calls f.
func (f AfterPipelineRunFunc) AfterPipelineRun(ctx context.Context, info PipelineResultInfo) error {
	return f(ctx, info)
}

// OnPipelineErrorFunc adapts a function to [OnPipelineError].
type OnPipelineErrorFunc func(ctx context.Context, info PipelineErrorInfo) error

// OnPipelineError calls f.
func (f OnPipelineErrorFunc) OnPipelineError(ctx context.Context, info PipelineErrorInfo) error {
	return f(ctx, info)
}

// BeforeNodeRunFunc adapts a function to [BeforeNodeRun].
type BeforeNodeRunFunc func(ctx context.Context, info NodeInfo) (map[string]any, error)

// BeforeNodeRun calls f.
func (f BeforeNodeRunFunc) BeforeNodeRun(ctx context.Context, info NodeInfo) (map[string]any, error) {
	return f(ctx, info)
}

// AfterNodeRunFunc adapts a function to [AfterNodeRun].
type AfterNodeRunFunc func(ctx context.Context, info NodeResultInfo) error

// AfterNodeRun calls f.
func (f AfterNodeRunFunc) AfterNodeRun(ctx context.Context, info NodeResultInfo) error {
	return f(ctx, info)
}

// OnNodeErrorFunc adapts a function to [OnNodeError].
type OnNodeErrorFunc func(ctx context.Context, info NodeErrorInfo) error

// OnNodeError calls f.
func (f OnNodeErrorFunc) OnNodeError(ctx context.Context, info NodeErrorInfo) error {
	return f(ctx, info)
}

// BeforeDatasetLoadedFunc adapts a function to [BeforeDatasetLoaded].
type BeforeDatasetLoadedFunc func(ctx context.Context, info DatasetInfo) error

// BeforeDatasetLoaded calls f.
func (f BeforeDatasetLoadedFunc) BeforeDatasetLoaded(ctx context.Context, info DatasetInfo) error {
	return f(ctx, info)
}

// AfterDatasetLoadedFunc adapts a function to [AfterDatasetLoaded].
type AfterDatasetLoadedFunc func(ctx context.Context, info DatasetDataInfo) error

// AfterDatasetLoaded calls f.
func (f AfterDatasetLoadedFunc) AfterDatasetLoaded(ctx context.Context, info DatasetDataInfo) error {
	return f(ctx, info)
}

// BeforeDatasetSavedFunc adapts a function to [BeforeDatasetSaved].
type BeforeDatasetSavedFunc func(ctx context.Context, info DatasetDataInfo) error

// BeforeDatasetSaved calls f.
func (f BeforeDatasetSavedFunc) BeforeDatasetSaved(ctx context.Context, info DatasetDataInfo) error {
	return f(ctx, info)
}

// AfterDatasetSavedFunc adapts a function to [AfterDatasetSaved].
type AfterDatasetSavedFunc func(ctx context.Context, info DatasetDataInfo) error

// AfterDatasetSaved calls f.
func (f AfterDatasetSavedFunc) AfterDatasetSaved(ctx context.Context, info DatasetDataInfo) error {
	return f(ctx, info)
}
