package hook

import (
	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/pipeline"
)

// Context is what a hook sees of the context of a run: Kedro's KedroContext.
type Context interface {
	// ProjectPath is the absolute folder of the project.
	ProjectPath() string
	// Env is the environment asked for; empty when none was (SES-018).
	Env() string
	// Params returns the parameters of the run, runtime parameters applied (SES-044).
	Params() (map[string]any, error)
	// Config returns the configuration of a key such as "credentials".
	Config(key string) (map[string]any, error)
	// SetConfig replaces the configuration of a key for this run, as assigning to
	// Kedro's config_loader does; for example credentials from a vault.
	SetConfig(key string, value map[string]any)
}

// RunParams describes the run that pipeline hooks are told of (SES-067). The same
// value goes to all hooks of one run, so changes are visible to later ones (HK-017).
type RunParams struct {
	// SessionID is set by the service session only.
	SessionID string
	RunID     string
	// ProjectPath is the absolute folder of the project with forward slashes.
	ProjectPath string
	// Env is empty when no environment was asked for.
	Env string
	// KedroVersion is the release whose behaviour is kept.
	KedroVersion       string
	Tags               []string
	FromNodes          []string
	ToNodes            []string
	NodeNames          []string
	FromInputs         []string
	ToOutputs          []string
	LoadVersions       map[string]string
	RuntimeParams      map[string]any
	PipelineNames      []string
	Namespaces         []string
	Runner             string
	OnlyMissingOutputs bool
}

// ContextInfo accompanies [AfterContextCreated].
type ContextInfo struct {
	Context Context
}

// CatalogInfo accompanies [AfterCatalogCreated].
type CatalogInfo struct {
	Catalog *catalog.DataCatalog
	// ConfCatalog is the catalog configuration, paths made absolute, credentials
	// still names, patterns included (HK-013).
	ConfCatalog map[string]any
	// ConfCreds holds all credentials.
	ConfCreds map[string]any
	// Parameters is the flat mapping of dataset name ("parameters", "params:a.b")
	// to value.
	Parameters map[string]any
	// SaveVersion is the version that versioned datasets save under; empty outside
	// of a run (HK-014).
	SaveVersion  string
	LoadVersions map[string]string
}

// PipelineInfo accompanies [BeforePipelineRun].
type PipelineInfo struct {
	RunParams *RunParams
	// Pipeline is what the filters left, before the missing-output filter (HK-015).
	Pipeline *pipeline.Pipeline
	Catalog  *catalog.DataCatalog
}

// PipelineResultInfo accompanies [AfterPipelineRun].
type PipelineResultInfo struct {
	PipelineInfo
	// RunResult holds the dataset of each free output.
	RunResult map[string]catalog.Dataset
}

// PipelineErrorInfo accompanies [OnPipelineError].
type PipelineErrorInfo struct {
	PipelineInfo
	Error error
}

// NodeInfo accompanies [BeforeNodeRun].
type NodeInfo struct {
	Node    *pipeline.Node
	Catalog *catalog.DataCatalog
	// Inputs holds the values by dataset name; before a node runs each hook gets a
	// shallow copy of its own (HK-020).
	Inputs  map[string]any
	IsAsync bool
	RunID   string
}

// NodeResultInfo accompanies [AfterNodeRun].
type NodeResultInfo struct {
	NodeInfo
	// Outputs holds the values by dataset name. The value of an output of a
	// generator node is nil, since its items are drawn later.
	Outputs map[string]any
}

// NodeErrorInfo accompanies [OnNodeError].
type NodeErrorInfo struct {
	NodeInfo
	Error error
}

// DatasetInfo accompanies [BeforeDatasetLoaded].
type DatasetInfo struct {
	DatasetName string
	Node        *pipeline.Node
}

// DatasetDataInfo accompanies the hooks that see a dataset's value.
type DatasetDataInfo struct {
	DatasetName string
	Node        *pipeline.Node
	Data        any
}
