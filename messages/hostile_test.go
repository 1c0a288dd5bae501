package messages

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHostileRequests is the table of what people and programs send; each refusal
// names the field.
func TestHostileRequests(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	lists := strings.Repeat("[", 10000) + strings.Repeat("]", 10000)
	tests := map[string]struct {
		body, field, reason string
		code                Code
	}{
		"empty":                 {"", "", "is not JSON", ""},
		"not JSON":              {"hello", "", "is not JSON", ""},
		"cut off":               {`{"run_id":"r`, "run_id", "is not JSON", ""},
		"cut off in a value":    {`{"run_id":"r","tags":["a",`, "tags[1]", "is not JSON", ""},
		"a list":                {`[]`, "", "must be an object, not array", ""},
		"null":                  {`null`, "run_id", "must not be empty", ""},
		"two values":            {`{"run_id":"r"}{"run_id":"s"}`, "", "something after", ""},
		"invalid UTF-8":         {"{\"run_id\":\"r\",\"tags\":[\"\xff\"]}", "", "not valid UTF-8", ""},
		"unknown field":         {`{"run_id":"r","pipeline_name":"x"}`, "pipeline_name", "is unknown", ""},
		"unknown inner field":   {`{"run_id":"r","backoff":{"factr":2}}`, "backoff.factr", "is unknown", ""},
		"unknown in a mapping":  {`{"run_id":"r","inputs":{"a":{"val":1}}}`, "inputs.a.val", "is unknown", ""},
		"other case":            {`{"run_id":"r","Tags":["a"]}`, "Tags", "is unknown", ""},
		"given twice":           {`{"run_id":"r","run_id":"s"}`, "run_id", "is given twice", ""},
		"param given twice":     {`{"run_id":"r","runtime_params":{"a":{"b":1,"b":2}}}`, "runtime_params.a.b", "is given twice", ""},
		"wrong type":            {`{"run_id":"r","tags":"a"}`, "tags", "must be a list, not string", ""},
		"wrong inner type":      {`{"run_id":"r","tags":["a",2]}`, "tags", "must be a string, not number", ""},
		"wrong bool":            {`{"run_id":"r","only_missing_outputs":"yes"}`, "only_missing_outputs", "must be true or false, not string", ""},
		"wrong time":            {`{"run_id":"r","start_by":"tomorrow"}`, "start_by", "RFC 3339", ""},
		"wrong duration":        {`{"run_id":"r","timeout":"soon"}`, "timeout", "1m30s", ""},
		"numeric duration":      {`{"run_id":"r","timeout":30}`, "timeout", "1m30s", ""},
		"64 levels":             {`{"run_id":"r","runtime_params":` + nested(62) + `}`, "", "", ""},
		"65 levels":             {`{"run_id":"r","runtime_params":` + nested(64) + `}`, "runtime_params.a.a.a.a.a.a.a...", "deeper than 64", ""},
		"10,000 levels":         {`{"run_id":"r","runtime_params":` + nested(10000) + `}`, "runtime_params.a.a.a.a.a.a.a...", "deeper than 64", ""},
		"10,000 lists":          {`{"run_id":"r","runtime_params":{"a":` + lists + `}}`, "runtime_params.a[0][0][0][0][0][0]...", "deeper than 64", ""},
		"2 MiB":                 {`{"run_id":"r","tags":["` + strings.Repeat("a", 2<<20) + `"]}`, "", "2097", CodeTooLarge},
		"300 KiB of params":     {`{"run_id":"r","runtime_params":{"a":"` + strings.Repeat("a", 300<<10) + `"}}`, "runtime_params", "at most 262144 travel inside", CodeTooLarge},
		"run id traversal":      {`{"run_id":"../../etc/passwd"}`, "run_id", "leave its folder", ""},
		"run id with token":     {`{"run_id":"a.>"}`, "run_id", "'>'", ""},
		"no run id":             {`{}`, "run_id", "must not be empty", ""},
		"version traversal":     {`{"run_id":"r","load_versions":{"cars":"../../../etc"}}`, "load_versions.cars", "leave its folder", ""},
		"version with folder":   {`{"run_id":"r","load_versions":{"cars":"a/b"}}`, "load_versions.cars", "leave its folder", ""},
		"dataset traversal":     {`{"run_id":"r","load_versions":{"../cars":"1"}}`, "load_versions[0]", "leave its folder", ""},
		"input traversal":       {`{"run_id":"r","inputs":{"a/../../b":{"value":1}}}`, "inputs[0]", "leave its folder", ""},
		"output traversal":      {`{"run_id":"r","outputs":["ok","/etc/passwd"]}`, "outputs[1]", "leave its folder", ""},
		"node traversal":        {`{"run_id":"r","node_names":["..\\x"]}`, "node_names[0]", "leave its folder", ""},
		"control character":     {`{"run_id":"r","tags":["a\u0000"]}`, "tags[0]", "control character", ""},
		"empty name":            {`{"run_id":"r","from_nodes":[""]}`, "from_nodes[0]", "must not be empty", ""},
		"wildcard reply":        {`{"run_id":"r","reply_subject":"kedge.>"}`, "reply_subject", "wildcard", ""},
		"spaced reply":          {`{"run_id":"r","reply_subject":"a b"}`, "reply_subject", "space", ""},
		"empty token reply":     {`{"run_id":"r","reply_subject":"a..b"}`, "reply_subject", "empty token", ""},
		"priority":              {`{"run_id":"r","priority":"urgent"}`, "priority", "p0, p1, p2 or p3", ""},
		"negative timeout":      {`{"run_id":"r","timeout":"-1s"}`, "timeout", "negative", ""},
		"negative node timeout": {`{"run_id":"r","node_timeout":"-1s"}`, "node_timeout", "negative", ""},
		"attempts":              {`{"run_id":"r","max_attempts":-1}`, "max_attempts", "0 to 100", ""},
		"long backoff":          {`{"run_id":"r","backoff":{"max":"25h"}}`, "backoff.max", "at most 24h", ""},
		"retry on a refusal":    {`{"run_id":"r","retry_on":["timeout","not_allowed"]}`, "retry_on[1]", `"not_allowed" can't be retried; what can: dataset_failed,`, ""},
		"backoff":               {`{"run_id":"r","backoff":{"factor":0.1}}`, "backoff.factor", "1 to 100", ""},
		"input without data":    {`{"run_id":"r","inputs":{"a":{}}}`, "inputs.a", "either value or ref", ""},
		"input with both":       {`{"run_id":"r","inputs":{"a":{"value":1,"ref":{"bucket":"b","name":"n","digest":"d","size":1}}}}`, "inputs.a", "either value or ref", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request, err := DecodeRunRequest([]byte(test.body))
			if err == nil {
				err = request.Validate()
			}
			if test.reason == "" {
				require.NoError(t, err)
				return
			}
			var field *FieldError
			require.ErrorAs(t, err, &field)
			require.Equal(t, test.field, field.Field)
			require.Contains(t, field.Reason, test.reason)
			if test.code == "" {
				test.code = CodeInvalidRequest
			}
			require.Equal(t, test.code, field.Code)
			require.Less(t, len(err.Error()), 1000, "a hostile value is not repeated at length")
		})
	}
}

func TestReplyPrefixes(t *testing.T) {
	for subject, allowed := range map[string]bool{
		"": true, "_INBOX.a.b": true, "results.x": true, "other.x": false,
		"kedge.reply.default.r.done": false, "$KV.kedge_runs.a": false,
	} {
		r := RunRequest{ReplySubject: subject}
		err := r.CheckReplyPrefix(Subjects{}, []string{"_INBOX.", "results.", "kedge.", "$"})
		require.Equal(t, allowed, err == nil, "%s: %v", subject, err)
		var field *FieldError
		require.True(t, err == nil || errors.As(err, &field) && field.Code == CodeNotAllowed)
	}
}
