package session

import (
	"github.com/kedge-run/kedge/project"
	"github.com/kedge-run/kedge/runner"
)

// RunOptions says what to run: the arguments of Kedro's run under the same names.
// Filters that are nil or empty are not given (SES-050).
type RunOptions struct {
	// RunID is checked by [CheckRunID]. Defaults to a new one.
	RunID string
	// PipelineName replaces PipelineNames when it is set.
	//
	// Deprecated: Kedro's older argument, kept for KedroSession (SES-051).
	PipelineName string
	// PipelineNames are united (SES-055). Defaults to "__default__".
	PipelineNames []string
	Tags          []string
	// Runner executes the pipeline. Defaults to the runner that RunnerName names.
	Runner       runner.Runner
	NodeNames    []string
	FromNodes    []string
	ToNodes      []string
	FromInputs   []string
	ToOutputs    []string
	LoadVersions map[string]string
	Namespaces   []string
	// OnlyMissingOutputs runs only nodes whose outputs aren't all stored (RUN-070).
	OnlyMissingOutputs bool
	// RuntimeParams override parameters and feed ${runtime_params:...}. A
	// KedroSession takes them at creation and refuses them here.
	RuntimeParams map[string]any

	// RunnerName is a runner of the project's allow-list, for example
	// "ThreadRunner". Defaults to the sequential runner.
	RunnerName string
	// RunnerParams are the arguments of the named runner, for example max_workers.
	RunnerParams map[string]any
	// SaveVersion is what versioned datasets save under. Defaults to the run id; a
	// repeated attempt saves under a version of its own.
	SaveVersion string
	// Inputs replaces datasets of this run by values; a [File] is read as a dataset.
	Inputs map[string]any
	// Outputs names datasets beyond the free outputs that the caller wants in the
	// result; they are not released during the run.
	Outputs []string
	// Observe is told what happens, possibly from several goroutines at once; it
	// must not block. Nil means that nobody listens.
	Observe func(Event)

	trace func(runner.Event) // tests listen to every operation, Observe or not; nil is nobody
}

// Config describes a [KedroSession]: the arguments of KedroSession.create.
type Config struct {
	// ProjectPath is the folder of the project. Defaults to the nearest project at
	// or above the working folder, else the working folder (SES-012).
	ProjectPath string
	// Project is what is compiled in. Defaults to the project in ProjectPath.
	Project *project.Project
	// DiscardOnClose leaves the store unsaved at Close: save_on_close=False.
	DiscardOnClose bool
	// Env is the configuration environment. Defaults to the variable KEDRO_ENV.
	Env string
	// RuntimeParams override the project's parameters.
	RuntimeParams map[string]any
	// ConfSource is the configuration folder. Defaults to the project's setting.
	ConfSource string
	// NewStore opens the session's store. Defaults to [NewBaseStore].
	NewStore func(StoreOptions) (Store, error)
	// Command is recorded in the store when a command line made the session.
	Command *Command
	// Reload walks the configuration folders at every run. Defaults to at most
	// once in 100 ms.
	Reload bool

	newRunID func() string // tests fix it; nil is a fresh [NewRunID]
}

// ServiceConfig describes a [ServiceSession]: the arguments of KedroServiceSession.create.
type ServiceConfig struct {
	// SessionID names the session. Defaults to a random UUID (SES-003).
	SessionID string
	// ProjectPath is the folder of the project. Defaults to the nearest project at
	// or above the working folder, else the working folder (SES-012).
	ProjectPath string
	// Project is what is compiled in. Defaults to the project in ProjectPath.
	Project *project.Project
	// Env is the configuration environment. Defaults to the variable KEDRO_ENV.
	Env string
	// ConfSource is the configuration folder. Defaults to the project's setting.
	ConfSource string
	// ServingMode loads all pipelines at once and refuses runtime parameters that
	// choose the type of a dataset (SES-080, SES-082).
	ServingMode bool
	// Reload walks the configuration folders at every run. Defaults to at most
	// once in 100 ms.
	Reload bool

	newRunID func() string // tests fix it; nil is a fresh [NewRunID]
}
