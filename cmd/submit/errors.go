package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/kedge-run/kedge/internal/cli"
	"github.com/kedge-run/kedge/messages"
)

// usage is an error of the words of a command line, with what to do about it.
func usage(text, hint string) error {
	return &cli.Error{Code: cli.Usage, Err: errors.New(text), Hint: hint}
}

// asUsage gives any error of reading the command line the exit code of usage errors, and tells in plain words what
// Kedro tells in its own.
func asUsage(err error) error {
	var said *cli.UsageError
	if errors.As(err, &said) && said.Plain != "" {
		err = errors.New(said.Plain)
	}
	return &cli.Error{Code: cli.Usage, Err: err, Hint: "submit run --help shows the options"}
}

// checkJSON refuses values that YAML has and JSON, which requests are written
// in, has not.
func checkJSON(path string, value any) error {
	switch v := value.(type) {
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return usage(fmt.Sprintf("%s: a request can't hold the number %v", path, v), "give it as text, and let the node read it")
		}
	case []byte:
		return usage(path+": a request can't hold binary values", "give the data as a dataset of the catalog")
	case []any:
		for i, item := range v {
			if err := checkJSON(fmt.Sprintf("%s[%d]", path, i), item); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := checkJSON(path+"."+key, v[key]); err != nil {
				return err
			}
		}
	case map[any]any: // that is how a mapping comes that has a key which is no text
		return usage(fmt.Sprintf("%s: a request can't hold the key %s, which is no text", path, oddKey(v)), "put the keys into quotes: {'1': 2}")
	default:
		if _, err := json.Marshal(v); err != nil {
			return usage(fmt.Sprintf("%s: a request can't hold the value %v", path, v), "give it as text, and let the node read it")
		}
	}
	return nil
}

// oddKey is the first key that is no text.
func oddKey(mapping map[any]any) string {
	var odd []string
	for key := range mapping {
		if _, isText := key.(string); !isText {
			odd = append(odd, fmt.Sprint(key))
		}
	}
	return slices.Min(odd)
}

// exitOf is the exit code for how a run ended.
func exitOf(state messages.State) cli.ExitCode {
	switch state {
	case messages.StateSucceeded:
		return cli.OK
	case messages.StateCancelled:
		return cli.Cancelled
	case messages.StateRejected:
		return cli.Rejected
	case messages.StateTimedOut:
		return cli.TimedOut
	case messages.StateDead:
		return cli.Dead
	case messages.StateFailed:
		return cli.Failed
	}
	return cli.Unfinished
}

// ended is the error for how runs ended; what happened was printed already.
func ended(code cli.ExitCode) error {
	if code == cli.OK {
		return nil
	}
	return &cli.Error{Code: code}
}
