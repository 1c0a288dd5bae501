package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/internal/oracle"
	"github.com/kedge-run/kedge/internal/pyyaml"
	"github.com/kedge-run/kedge/pipeline"
)

// pythonError is an error that a node function or a hook of a vector raises.
type pythonError struct{ kind, message string }

func (e *pythonError) Error() string     { return e.message }
func (e *pythonError) ErrorType() string { return e.kind }
func (e *pythonError) ErrorBases() []string {
	if e.kind == "KeyError" {
		return []string{"LookupError", "Exception"}
	}
	return []string{"Exception"}
}

// vectorFunc is a node function of the vectors (conformance/README.md, "Node functions").
type vectorFunc struct{ spec oracle.Node }

func (f *vectorFunc) Name() string    { name, _ := f.spec.Func.Any.(string); return name }
func (f *vectorFunc) Module() string  { return "vectors.nodes" }
func (f *vectorFunc) Generator() bool { return f.does().Kind == "chunks" }

func (f *vectorFunc) does() oracle.Does {
	if f.spec.Does == nil {
		return oracle.Does{Kind: "hash"}
	}
	return *f.spec.Does
}

func (f *vectorFunc) Call(_ context.Context, in pipeline.Inputs) (any, error) {
	does := f.does()
	inputs := canonicalJSON(inputsValue(in))
	digest := func(suffix string) func(slot string) any {
		return func(slot string) any {
			sum := sha256.Sum256([]byte(f.Name() + "\n" + slot + suffix + "\n" + inputs))
			return hex.EncodeToString(sum[:])
		}
	}
	switch does.Kind {
	case "identity":
		return in.Values[0], nil
	case "const":
		return oracle.Plain(does.Value.Any), nil
	case "none":
		return nil, nil
	case "fail":
		return nil, &pythonError{does.Type, does.Message}
	case "chunks":
		return iter.Seq2[any, error](func(yield func(any, error) bool) {
			for k := range does.Count {
				if !yield(f.shaped(digest(fmt.Sprintf("#%d", k))), nil) {
					return
				}
			}
		}), nil
	case "mutate":
		result := f.shaped(digest(""))
		for _, value := range in.Values {
			if m, ok := value.(map[string]any); ok {
				m["mutated"] = true
			}
		}
		return result, nil
	}
	return f.shaped(digest("")), nil
}

// shaped gives the values the form that the outputs declare.
func (f *vectorFunc) shaped(value func(slot string) any) any {
	switch outputs := f.spec.Outputs.Any.(type) {
	case string:
		if outputs == "" {
			return nil
		}
		return value("0")
	case []any:
		list := make([]any, len(outputs))
		for i := range outputs {
			list[i] = value(fmt.Sprint(i))
		}
		return list
	case oracle.Dict:
		m := make(map[string]any, len(outputs))
		for _, pair := range outputs {
			m[pair.Key] = value(pair.Key)
		}
		return m
	}
	return nil
}

// inputsValue is what the functions hash.
func inputsValue(in pipeline.Inputs) any {
	if len(in.Names) == 0 {
		return in.Values
	}
	m := make(map[string]any, len(in.Names))
	for i, name := range in.Names {
		m[name] = in.Values[i]
	}
	return m
}

// canonicalJSON is Python's json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).
func canonicalJSON(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(value)
	case float64:
		return pyyaml.FloatRepr(value)
	case string:
		return jsonText(value)
	case []any:
		parts := make([]string, len(value))
		for i, item := range value {
			parts[i] = canonicalJSON(item)
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(value)) {
			parts = append(parts, jsonText(key)+":"+canonicalJSON(value[key]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return fmt.Sprint(value)
}

func jsonText(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // text is always JSON
	}
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSuffix(b.String(), "\n"))
}

// buildNode makes a node of the vectors.
func buildNode(spec oracle.Node) (*pipeline.Node, error) {
	var options []pipeline.NodeOption
	if spec.Name != nil {
		options = append(options, pipeline.Name(*spec.Name))
	}
	if spec.Namespace != nil {
		options = append(options, pipeline.Namespace(*spec.Namespace))
	}
	if tags := spec.Tags.Texts(); len(tags) > 0 {
		options = append(options, pipeline.Tags(tags...))
	}
	if confirms := spec.Confirms.Texts(); len(confirms) > 0 {
		options = append(options, pipeline.Confirms(confirms...))
	}
	return pipeline.NewNode(&vectorFunc{spec: spec}, ioForm(spec.Inputs), ioForm(spec.Outputs), options...)
}

// ioForm gives inputs or outputs the form that NewNode takes.
func ioForm(v oracle.Value) any {
	switch value := v.Any.(type) {
	case []any:
		return v.Texts()
	case oracle.Dict:
		args := make(pipeline.Args, len(value))
		for i, pair := range value {
			dataset, _ := pair.Value.(string)
			args[i] = pipeline.Arg{Name: pair.Key, Dataset: dataset}
		}
		return args
	default:
		return value
	}
}
