package catalog

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Validator checks data on its way in or out of a dataset (Kedro's Validator protocol). Validate returns the data, changed or not;
// any error is a failed validation, and a *DataValidationError tells which checks failed. It is safe for concurrent use.
type Validator interface {
	Validate(ctx context.Context, data any) (any, error)
}

// Validators is a registry of validators by the name that the key validator of a catalog entry gives: Kedro's class path. It is a
// value, as Types is. Register all before the first use.
type Validators struct {
	byName map[string]any
}

// NewValidators returns an empty registry.
func NewValidators() *Validators { return &Validators{byName: map[string]any{}} }

// Register adds a validator, which is one of
//
//   - a Validator
//   - a function that makes one of the options of the declaration: func(options map[string]any) (Validator, error)
//   - a function of the data, func([ctx context.Context,] data T) ([T,] error): the data comes as a T, and without a result it
//     stays as it is
//
// Anything else is a mistake of the program and panics.
func (v *Validators) Register(name string, validator any) {
	switch validator.(type) {
	case Validator, func(map[string]any) (Validator, error):
	default:
		if _, ok := checkOf(validator); !ok {
			panic(fmt.Sprintf("validator %s: a %T is no validator", name, validator))
		}
	}
	v.byName[name] = validator
}

// Names lists the registered names in order.
func (v *Validators) Names() []string {
	if v == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(v.byName))
}

func (v *Validators) has(name string) bool {
	if v == nil {
		return false
	}
	_, ok := v.byName[name]
	return ok
}

// boundValidator is a validator and the type that it wants its data as; nil is any.
type boundValidator struct {
	Validator
	want reflect.Type
}

// resolve makes the validator of a declaration (CAT-148).
func (v *Validators) resolve(name string, options map[string]any) (*boundValidator, error) {
	fail := func(format string, args ...any) (*boundValidator, error) {
		return nil, &DatasetError{Kind: kindValidationConfiguration, Message: fmt.Sprintf(format, args...)}
	}
	if !v.has(name) {
		return fail("Could not import validator '%s': no validator of this name is registered. Registered are: %s.", name, strings.Join(v.Names(), ", "))
	}
	switch known := v.byName[name].(type) {
	case func(map[string]any) (Validator, error):
		made, err := known(maps.Clone(options))
		if err != nil {
			return fail("Could not instantiate validator '%s' with options %s: %s", name, repr(options, 0), err)
		}
		return &boundValidator{Validator: made}, nil
	case Validator:
		if len(options) > 0 {
			return fail("Validator '%s' is an instance and cannot accept options %s; declare a class path instead or drop the options.", name, optionNames(options))
		}
		return &boundValidator{Validator: known}, nil
	}
	if len(options) > 0 {
		return fail("Validator '%s' is a plain callable and cannot accept options %s; declare a validator class that takes them as constructor arguments, or drop the options.",
			name, optionNames(options))
	}
	check, _ := checkOf(v.byName[name])
	return &boundValidator{Validator: check, want: check.want}, nil
}

func optionNames(options map[string]any) string {
	var names []any
	for _, name := range slices.Sorted(maps.Keys(options)) {
		names = append(names, name)
	}
	return reprList(names, 0)
}

// check is a validator made of a function (Kedro's CallableValidator).
type check struct {
	call        reflect.Value
	want        reflect.Type
	takesCtx    bool
	returnsData bool
}

var contextType = reflect.TypeFor[context.Context]()

// checkOf reads the form of a function of data.
func checkOf(fn any) (check, bool) {
	c := check{call: reflect.ValueOf(fn)}
	if c.call.Kind() != reflect.Func {
		return c, false
	}
	t := c.call.Type()
	c.takesCtx = t.NumIn() == 2 && t.In(0) == contextType
	c.returnsData = t.NumOut() == 2
	if t.IsVariadic() || t.NumIn() != 1 && !c.takesCtx || t.NumOut() != 1 && !c.returnsData || t.Out(t.NumOut()-1) != errorType {
		return c, false
	}
	if c.want = t.In(t.NumIn() - 1); isAny(c.want) {
		c.want = nil
	}
	return c, true
}

// Validate calls the function. Data that isn't of its type is a failed validation.
func (c check) Validate(ctx context.Context, data any) (any, error) {
	argument := reflect.ValueOf(&data).Elem()
	if c.want != nil {
		converted, err := Convert(data, c.want)
		if err != nil {
			return nil, err
		}
		argument = reflect.New(c.want).Elem()
		if converted != nil {
			argument.Set(reflect.ValueOf(converted))
		}
	}
	in := []reflect.Value{argument}
	if c.takesCtx {
		in = []reflect.Value{reflect.ValueOf(&ctx).Elem(), argument}
	}
	out := c.call.Call(in)
	if err, failed := out[len(out)-1].Interface().(error); failed {
		return nil, err
	}
	if !c.returnsData || isNil(out[0]) {
		return data, nil
	}
	return out[0].Interface(), nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice, reflect.Func:
		return v.IsNil()
	}
	return false
}
