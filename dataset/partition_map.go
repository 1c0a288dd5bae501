package dataset

import (
	"context"
	"fmt"
	"reflect"
)

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// fill puts the partitions in files into the map that dst points to: loaded, or as functions that load them.
func (p *partitions) fill(ctx context.Context, files []string, dst any) error {
	into := reflect.ValueOf(dst).Elem()
	if into.Kind() == reflect.Interface && into.NumMethod() == 0 {
		loaders := map[string]LoadFunc{}
		into.Set(reflect.ValueOf(loaders))
		return p.fill(ctx, files, &loaders)
	}
	kind := into.Type()
	if kind.Kind() != reflect.Map || kind.Key().Kind() != reflect.String {
		return fmt.Errorf("partitions are loaded as map[string]func(context.Context) (T, error) or as map[string]T, not as %s", kind)
	}
	out := reflect.MakeMapWithSize(kind, len(files))
	for _, file := range files {
		value, err := p.element(ctx, file, kind.Elem())
		if err != nil {
			return err
		}
		out.SetMapIndex(reflect.ValueOf(p.id(file)).Convert(kind.Key()), value)
	}
	into.Set(out)
	return nil
}

// element is a partition as an element of a map.
func (p *partitions) element(ctx context.Context, file string, want reflect.Type) (reflect.Value, error) {
	if result, ok := loaderOf(want); ok {
		return p.loader(ctx, file, want, result), nil
	}
	data, err := p.load(ctx, file, want)
	if err != nil {
		return reflect.Value{}, err
	}
	value := reflect.New(want).Elem()
	if data != nil {
		value.Set(reflect.ValueOf(data))
	}
	return value, nil
}

// loaderOf tells whether t is a function that may load a partition, func([context.Context]) (T, error), and T.
func loaderOf(t reflect.Type) (result reflect.Type, ok bool) {
	if t.Kind() != reflect.Func || t.NumOut() != 2 || t.Out(1) != errorType || t.IsVariadic() {
		return nil, false
	}
	if t.NumIn() > 1 || t.NumIn() == 1 && t.In(0) != contextType {
		return nil, false
	}
	return t.Out(0), true
}

// loader makes a function of type t that loads a partition. One without a context uses that of the load.
func (p *partitions) loader(ctx context.Context, file string, t, result reflect.Type) reflect.Value {
	return reflect.MakeFunc(t, func(in []reflect.Value) []reflect.Value {
		ctx := ctx
		if len(in) == 1 && !in[0].IsNil() {
			ctx = in[0].Interface().(context.Context)
		}
		data, err := p.load(ctx, file, result)
		out := []reflect.Value{reflect.New(result).Elem(), reflect.New(errorType).Elem()}
		if data != nil {
			out[0].Set(reflect.ValueOf(data))
		}
		if err != nil {
			out[1].Set(reflect.ValueOf(err))
		}
		return out
	})
}

// called returns data, or what it gives when it is a function without arguments: func([context.Context]) (T[, error]).
func called(ctx context.Context, data any) (any, error) {
	v := reflect.ValueOf(data)
	if v.Kind() != reflect.Func || v.IsNil() {
		return data, nil
	}
	t := v.Type()
	takesContext := t.NumIn() == 1 && t.In(0) == contextType
	givesError := t.NumOut() == 2 && t.Out(1) == errorType
	if t.NumIn() > 0 && !takesContext || t.NumOut() != 1 && !givesError {
		return data, nil // an iterator, say
	}
	var in []reflect.Value
	if takesContext {
		in = append(in, reflect.ValueOf(&ctx).Elem())
	}
	out := v.Call(in)
	if givesError && !out[1].IsNil() {
		return nil, out[1].Interface().(error)
	}
	return out[0].Interface(), nil
}
