package hook

import "context"

// AfterContextCreated is called at the end of every loading of a context (HK-001).
type AfterContextCreated interface {
	AfterContextCreated(ctx context.Context, info ContextInfo) error
}

// AfterCatalogCreated is called at the end of every building of a catalog (HK-002).
// It may add or replace datasets.
type AfterCatalogCreated interface {
	AfterCatalogCreated(ctx context.Context, info CatalogInfo) error
}

// BeforePipelineRun is called after the catalog was made and before the runner starts (HK-003).
type BeforePipelineRun interface {
	BeforePipelineRun(ctx context.Context, info PipelineInfo) error
}

// AfterPipelineRun is called after the runner succeeded (HK-004). Its error fails
// the run although the outputs are stored.
type AfterPipelineRun interface {
	AfterPipelineRun(ctx context.Context, info PipelineResultInfo) error
}

// OnPipelineError is called when the runner failed (HK-005). It isn't called for
// a run that was cancelled, see [context.Cause]. Its own error replaces the run's.
type OnPipelineError interface {
	OnPipelineError(ctx context.Context, info PipelineErrorInfo) error
}

// BeforeNodeRun is called when the inputs of a node are loaded (HK-006). The
// returned mapping replaces inputs by dataset name; nil changes nothing. Where two
// hooks replace the same input, the one registered first wins (HK-020).
type BeforeNodeRun interface {
	BeforeNodeRun(ctx context.Context, info NodeInfo) (map[string]any, error)
}

// AfterNodeRun is called when the function of a node returned and nothing is
// saved yet (HK-007).
type AfterNodeRun interface {
	AfterNodeRun(ctx context.Context, info NodeResultInfo) error
}

// OnNodeError is called when the function of a node failed, or returned another
// shape than declared (HK-008). Its own error replaces the node's.
type OnNodeError interface {
	OnNodeError(ctx context.Context, info NodeErrorInfo) error
}

// BeforeDatasetLoaded is called before each load of an input (HK-009).
type BeforeDatasetLoaded interface {
	BeforeDatasetLoaded(ctx context.Context, info DatasetInfo) error
}

// AfterDatasetLoaded is called after each load of an input (HK-010).
type AfterDatasetLoaded interface {
	AfterDatasetLoaded(ctx context.Context, info DatasetDataInfo) error
}

// BeforeDatasetSaved is called before each save of an output (HK-011).
type BeforeDatasetSaved interface {
	BeforeDatasetSaved(ctx context.Context, info DatasetDataInfo) error
}

// AfterDatasetSaved is called after each save of an output (HK-012).
type AfterDatasetSaved interface {
	AfterDatasetSaved(ctx context.Context, info DatasetDataInfo) error
}
