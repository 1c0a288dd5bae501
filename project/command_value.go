package project

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/kedge-run/kedge/runner"
)

// process prepares the program with its words, environment and standard input.
func (c *commandCall) process(ctx context.Context) (*process, error) {
	stdin, err := json.Marshal(c.params)
	if err != nil {
		return nil, fmt.Errorf("parameters can't be written as JSON: %w", err)
	}
	argv, err := c.argv()
	if err != nil {
		return nil, err
	}
	env, err := c.environment(ctx)
	if err != nil {
		return nil, err
	}
	return &process{name: c.Name(), argv: argv, env: env, dir: c.dir, stdin: append(stdin, '\n'), grace: c.settings.CommandGrace}, nil
}

func (c *commandCall) argv() ([]string, error) {
	if c.line.script != nil {
		for _, ref := range c.line.all() {
			if _, err := c.value(ref); err != nil {
				return nil, err
			}
		}
		return []string{"/bin/sh", "-e", "-c", c.line.script.shell()}, nil
	}
	argv := make([]string, len(c.line.words))
	for i, word := range c.line.words {
		var b strings.Builder
		for _, seg := range word {
			text := seg.text
			if seg.ref != nil {
				var err error
				if text, err = c.value(seg.ref); err != nil {
					return nil, err
				}
			}
			b.WriteString(text)
		}
		argv[i] = b.String()
	}
	return argv, nil
}

// environment is what the package comment promises, and nothing else of the worker's own.
func (c *commandCall) environment(ctx context.Context) ([]string, error) {
	env := append(inherited(c.settings.CommandEnv), c.env...)
	if task := runner.TaskFrom(ctx); task != nil {
		env = append(env, "KEDGE_RUN_ID="+task.Request.RunID, "KEDGE_NODE="+task.Node.Name())
	}
	for name, path := range c.paths {
		env = append(env, name+"="+path)
	}
	for _, ref := range c.line.all() {
		if ref.kind == "params" {
			text, err := c.value(ref)
			if err != nil {
				return nil, err
			}
			env = append(env, ref.variable()+"="+text)
		}
	}
	return env, nil
}

// value is the text that a placeholder stands for: a path, or a parameter (text as it is, anything else as JSON).
func (c *commandCall) value(ref *reference) (string, error) {
	if ref.kind != "params" {
		return c.paths[ref.variable()], nil
	}
	value := c.params[c.in[ref.slot].name]
	for i, key := range ref.path {
		var ok bool
		if value, ok = lookup(value, key); !ok {
			return "", fmt.Errorf("%s: the parameter %q has no key %q", ref, strings.Join(append([]string{c.in[ref.slot].name}, ref.path[:i]...), "."), key)
		}
	}
	text, isText := value.(string)
	if !isText {
		data, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("%s can't be written as JSON: %w", ref, err)
		}
		return string(data), nil
	}
	if ref.starts && strings.HasPrefix(text, "-") {
		return "", fmt.Errorf(`%s is %q, which the program would read as an option; write --name=%s, or put the word "--" before it`, ref, text, ref)
	}
	if strings.ContainsRune(text, 0) {
		return "", fmt.Errorf("%s holds a NUL character, which no argument can", ref)
	}
	return text, nil
}

// lookup finds a key of a mapping or an index of a list in a value of configuration.
func lookup(value any, key string) (any, bool) {
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return nil, false
		}
		item := v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key()))
		if !item.IsValid() {
			return nil, false
		}
		return item.Interface(), true
	case reflect.Slice:
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= v.Len() {
			return nil, false
		}
		return v.Index(i).Interface(), true
	}
	return nil, false
}
