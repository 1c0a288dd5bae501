package worker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/messages"
	"github.com/kedge-run/kedge/project"
)

// allow refuses a request for what this worker's lists don't hold; an empty list holds all.
func (w *Worker) allow(request *messages.RunRequest) error {
	pipelines := request.PipelineNames
	if len(pipelines) == 0 {
		pipelines = []string{project.Default}
	}
	for _, name := range pipelines {
		if err := listed("pipeline_names", name, w.cfg.AllowPipelines); err != nil {
			return err
		}
	}
	if request.Runner == "" {
		return nil
	}
	return listed("runner", request.Runner, w.cfg.AllowRunners)
}

func listed(field, name string, list []string) error {
	if len(list) == 0 || slices.Contains(list, name) {
		return nil
	}
	return &messages.FieldError{Field: field, Code: messages.CodeNotAllowed,
		Reason: fmt.Sprintf("%q is not allowed by this worker, which allows %s", name, strings.Join(list, ", "))}
}
