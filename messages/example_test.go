package messages_test

import (
	"fmt"

	"github.com/kedge-run/kedge/messages"
)

func Example() {
	request, err := messages.DecodeRunRequest([]byte(`{
		"run_id": "nightly-1",
		"pipeline_names": ["reporting"],
		"runtime_params": {"country": "FR"}
	}`))
	fmt.Println(request.RunID, request.PipelineNames, request.RuntimeParams, err)

	_, err = messages.DecodeRunRequest([]byte(`{"run_id": "nightly-1", "pipeline": "reporting"}`))
	fmt.Println(err)

	fmt.Println(messages.Subjects{}.Done("default", request.RunID))
	// Output:
	// nightly-1 [reporting] map[country:FR] <nil>
	// pipeline: is unknown
	// kedge.reply.default.nightly-1.done
}
