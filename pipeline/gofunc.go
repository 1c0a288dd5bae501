package pipeline

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"strings"
)

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// goFunc is a plain Go function as a [Func]. Everything that its signature says
// is worked out when the node is made; Call only moves values.
type goFunc struct {
	name, module string
	value        reflect.Value
	withContext  bool
	withError    bool
	in           goInputs
	out          goOutputs
	fast         func(ctx context.Context, in []any) (any, error) // nil: call by reflection
	source       goSource
}

// adaptGo fits a Go function to a node's declaration. Its errors name the node,
// the parameter or result, and what was expected.
func adaptGo(fn any, n *Node) (Func, error) {
	v := reflect.ValueOf(fn)
	t := v.Type()
	f := &goFunc{value: v}
	f.module, f.name = funcName(v)
	label := n.given
	if label == "" {
		label = f.name
	}
	misfit := func(err error) error {
		return typeError("node '%s': function %s %s", label, f.name, err)
	}
	var params, results []reflect.Type
	for i := range t.NumIn() {
		params = append(params, t.In(i))
	}
	for i := range t.NumOut() {
		results = append(results, t.Out(i))
	}
	if len(params) > 0 && params[0] == contextType {
		f.withContext, params = true, params[1:]
	}
	if len(results) > 0 && results[len(results)-1] == errorType {
		f.withError, results = true, results[:len(results)-1]
	}
	var err error
	if f.in, err = bindGoInputs(params, t.IsVariadic(), n.in); err != nil {
		return nil, misfit(err)
	}
	if f.out, err = bindGoOutputs(results, n.out); err != nil {
		return nil, misfit(err)
	}
	f.fast = fastCall(fn, n.in, n.out)
	return f, nil
}

// funcName gives the import path and the name of a function: the method's name
// alone for methods, Outer.func1 for closures.
func funcName(v reflect.Value) (module, name string) {
	full := strings.ReplaceAll(runtime.FuncForPC(v.Pointer()).Name(), "[...]", "")
	full, method := strings.CutSuffix(full, "-fm")
	slash := strings.LastIndexByte(full, '/') + 1
	dot := slash + strings.IndexByte(full[slash:], '.')
	if method {
		dot = strings.LastIndexByte(full, '.')
	}
	plain := strings.NewReplacer("(*", "", ")", "")
	return plain.Replace(full[:dot]), plain.Replace(full[dot+1:])
}

// fastCall spares reflection for functions of the type any, which is what
// nodes without typed data have.
func fastCall(fn any, in, out form) func(context.Context, []any) (any, error) {
	if out.kind != formText {
		return nil
	}
	one := in.kind == formText || in.kind == formList && len(in.names) == 1
	switch fn := fn.(type) {
	case func(any) any:
		if one {
			return func(_ context.Context, in []any) (any, error) { return fn(in[0]), nil }
		}
	case func(any) (any, error):
		if one {
			return func(_ context.Context, in []any) (any, error) { return fn(in[0]) }
		}
	case func(context.Context, any) (any, error):
		if one {
			return func(ctx context.Context, in []any) (any, error) { return fn(ctx, in[0]) }
		}
	case func(...any) any:
		if in.kind != formMapping {
			return func(_ context.Context, in []any) (any, error) { return fn(slices.Clone(in)...), nil }
		}
	case func(...any) (any, error):
		if in.kind != formMapping {
			return func(_ context.Context, in []any) (any, error) { return fn(slices.Clone(in)...) }
		}
	}
	return nil
}

// Name is the name of the Go function.
func (f *goFunc) Name() string { return f.name }

// Module is the import path of the function's package, with the receiver's type for methods.
func (f *goFunc) Module() string { return f.module }

// Params lists the argument names of a mapping's struct; nil otherwise.
func (f *goFunc) Params() []string { return f.in.keys }

// Generator tells whether the function returns an iterator.
func (f *goFunc) Generator() bool { return f.out.elem != nil }

// InputType is the type of the parameter, or of the struct's field, that takes input i.
func (f *goFunc) InputType(i int, _ string) reflect.Type { return f.in.wanted(i) }

// Call calls the function with values that are assignable to its parameters.
func (f *goFunc) Call(ctx context.Context, in Inputs) (any, error) {
	if f.fast != nil {
		return f.fast(ctx, in.Values)
	}
	var space [8]reflect.Value
	args := space[:0]
	if f.withContext {
		args = append(args, reflect.ValueOf(ctx))
	}
	args, err := f.in.arguments(args, in)
	if err != nil {
		return nil, typeError("function %s: %s", f.name, err)
	}
	results := f.value.Call(args)
	if f.withError {
		last := results[len(results)-1]
		if !last.IsNil() {
			return nil, last.Interface().(error)
		}
		results = results[:len(results)-1]
	}
	return f.out.result(results), nil
}
