package storage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// options are the credentials and fs_args of an entry, as fsspec names them. Reading them marks what is known; done names
// the rest.
type options struct {
	protocol string
	values   map[string]any
	known    []string
	err      error
}

func (o *options) fail(format string, args ...any) {
	if o.err == nil {
		o.err = fmt.Errorf(format, args...)
	}
}

func (o *options) get(key string) any {
	o.known = append(o.known, key)
	return o.values[key]
}

// text returns an option as a text; "" when it is absent.
func (o *options) text(key string) string {
	switch v := o.get(key).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		o.fail("option %s of %s:// must be a text, got %T", key, o.protocol, v)
		return ""
	}
}

func (o *options) boolean(key string) bool {
	switch v := o.get(key).(type) {
	case nil:
		return false
	case bool:
		return v
	default:
		o.fail("option %s of %s:// must be true or false, got %T", key, o.protocol, v)
		return false
	}
}

// mapping returns the options inside an option.
func (o *options) mapping(key string) *options {
	inner := &options{protocol: o.protocol}
	switch v := o.get(key).(type) {
	case nil:
	case map[string]any:
		inner.values = v
	default:
		o.fail("option %s of %s:// must be a mapping, got %T", key, o.protocol, v)
	}
	return inner
}

// ignore marks options that change nothing here.
func (o *options) ignore(keys ...string) { o.known = append(o.known, keys...) }

// done returns the first error: a wrong value, or an option that isn't known, with those that are. Values stay out of it,
// since they may be secrets.
func (o *options) done() error {
	if o.err != nil {
		return o.err
	}
	for _, key := range slices.Sorted(maps.Keys(o.values)) {
		if !slices.Contains(o.known, key) {
			return fmt.Errorf("option %s of %s:// isn't supported; supported are: %s", key, o.protocol, strings.Join(slices.Sorted(slices.Values(o.known)), ", "))
		}
	}
	return nil
}

// failed keeps the error of options inside an option.
func (o *options) failed(err error) {
	if o.err == nil {
		o.err = err
	}
}
