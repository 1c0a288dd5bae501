package session

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/config"
	"github.com/kedge-run/kedge/internal/pyyaml"
	"github.com/kedge-run/kedge/pipeline"
	"github.com/kedge-run/kedge/project"
)

// ParameterValidationError lists the parameters that don't fit the types that nodes
// want of them (SES-104).
type ParameterValidationError struct {
	// Problems are Kedro's lines, one for each parameter.
	Problems []string
}

// Error is Kedro's message.
func (e *ParameterValidationError) Error() string {
	return "Parameter validation failed:\n- " + strings.Join(e.Problems, "\n- ")
}

// ErrorType is the name of the Python exception.
func (e *ParameterValidationError) ErrorType() string { return "ParameterValidationError" }

// ErrorBases are the base classes of the Python exception, nearest first.
func (e *ParameterValidationError) ErrorBases() []string { return []string{"Exception"} }

// validatorLogger is the name of the logger of typed parameters in Kedro.
const validatorLogger = "kedro.validation.parameter_validator"

// requirements are the Go types that nodes want of parameters. They are checked
// before a run starts; each node then decodes its own copy.
type requirements struct {
	list      []requirement
	conflicts []string
	// checked is the last configuration that passed.
	checked latest[*config.Mapping, bool]
}

type requirement struct {
	key string // dotted, without "params:"
	typ reflect.Type
}

// requirements collects what the pipelines of a run want: those named, or all when
// the default one is among them (SES-101).
func (e *engine) requirements(names []string, pipelines []*pipeline.Pipeline) *requirements {
	if slices.Contains(names, project.Default) {
		return e.everything()
	}
	r := e.declared()
	for i, p := range pipelines {
		r.add(names[i], p)
	}
	return r
}

// allRequirements collects what all pipelines want that can be built.
func (e *engine) allRequirements() *requirements {
	r := e.declared()
	registry := e.project.Pipelines()
	for _, name := range registry.Names() {
		if p, err := registry.Get(name); err == nil {
			r.add(name, p)
		}
	}
	return r
}

// declared starts with the types that the project declares by key (SES-109).
func (e *engine) declared() *requirements {
	r := new(requirements)
	types := e.project.ParamsTypes()
	for key, typ := range types {
		r.list = append(r.list, requirement{key: key, typ: typ})
	}
	slices.SortFunc(r.list, func(a, b requirement) int { return strings.Compare(a.key, b.key) })
	return r
}

func (r *requirements) add(name string, p *pipeline.Pipeline) {
	for _, node := range p.Nodes() {
		for _, input := range node.Inputs() {
			key, ok := strings.CutPrefix(input, "params:")
			if typ := node.InputType(input); ok && isRecord(typ) {
				r.require(name, key, typ)
			}
		}
	}
}

func (r *requirements) require(pipelineName, key string, typ reflect.Type) {
	for i, old := range r.list {
		if old.key != key {
			continue
		}
		if old.typ != typ {
			r.conflicts = append(r.conflicts, fmt.Sprintf("Conflicting type requirements for parameter '%s': %s (existing) vs %s "+
				"(from pipeline '%s'). Using %s.", key, typeName(old.typ), typeName(typ), pipelineName, typeName(typ)))
			r.list[i].typ = typ
		}
		return
	}
	r.list = append(r.list, requirement{key: key, typ: typ})
}

// isRecord reports whether a type is what a dataclass is in Kedro: a struct of the
// user, or a pointer to one, which also takes null.
func isRecord(t reflect.Type) bool {
	if t == nil {
		return false
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]() && t != reflect.TypeFor[pyyaml.Map]()
}

func typeName(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Name()
}

// check decodes every parameter that has a requirement, and reports all that can't be.
func (r *requirements) check(conf *config.Mapping) error {
	if len(r.list) == 0 {
		return nil
	}
	_, err := r.checked.get(conf, func() (bool, error) {
		var problems []string
		for _, req := range r.list {
			if problem := req.check(conf); problem != "" {
				problems = append(problems, problem)
			}
		}
		if len(problems) > 0 {
			return false, &ParameterValidationError{Problems: problems}
		}
		return true, nil
	})
	return err
}

// check returns Kedro's line about a value that doesn't fit, or "".
func (r requirement) check(conf *config.Mapping) string {
	value, ok := find(conf, r.key)
	if !ok {
		return ""
	}
	optional := r.typ.Kind() == reflect.Pointer
	if value == nil {
		if optional {
			return ""
		}
		return fmt.Sprintf("Parameter '%s': value is None but type is not Optional", r.key)
	}
	record := r.typ
	if optional {
		record = record.Elem()
	}
	plain := pyyaml.PlainValue(value)
	if _, ok := plain.(map[string]any); !ok && record.Kind() == reflect.Struct {
		return fmt.Sprintf("Parameter '%s': Expected dict for dataclass %s, got %s", r.key, record.Name(), pythonType(plain))
	}
	_, err := catalog.Convert(plain, record)
	if err == nil {
		err = catalog.CheckComplete(plain, record)
	}
	if err != nil {
		return fmt.Sprintf("Parameter '%s': Failed to instantiate %s for parameter '%s': %s", r.key, record.Name(), r.key, err)
	}
	return ""
}

// find looks a parameter up: the literal key first, then the nested path (SES-102).
func find(conf *config.Mapping, key string) (any, bool) {
	if value, ok := conf.Get(key); ok {
		return value, true
	}
	head, rest, nested := strings.Cut(key, ".")
	if !nested {
		return nil, false
	}
	value, _ := conf.Get(head)
	inner, ok := value.(*config.Mapping)
	if !ok {
		return nil, false
	}
	return find(inner, rest)
}

// pythonType names the Python type that a plain value stands for.
func pythonType(value any) string {
	switch value.(type) {
	case string:
		return "str"
	case bool:
		return "bool"
	case float64:
		return "float"
	case []any:
		return "list"
	case map[string]any, map[any]any:
		return "dict"
	}
	return "int"
}
