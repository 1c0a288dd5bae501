package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kedge-run/kedge/client"
	"github.com/kedge-run/kedge/internal/cli"
)

// formats are the formats of input files by the ending of their names.
var formats = map[string]string{
	".json": "json", ".csv": "csv", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".txt": "text",
}

// openInputs reads --input: NAME=@FILE or NAME=JSON. The func closes the files.
func openInputs(env *cli.Env, given []string) (map[string]client.Input, func(), error) {
	inputs := map[string]client.Input{}
	var files []*os.File
	closeAll := func() {
		for _, file := range files {
			file.Close()
		}
	}
	for _, text := range given {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			closeAll()
			return nil, nil, usage(fmt.Sprintf("--input %q is not of the form NAME=@FILE or NAME=JSON", text), "")
		}
		path, isFile := strings.CutPrefix(value, "@")
		if !isFile && !json.Valid([]byte(value)) {
			closeAll()
			return nil, nil, usage(fmt.Sprintf("--input %s: %q is not JSON", name, value), `a text is written as '"text"', the content of a file as `+name+"=@FILE")
		}
		if !isFile {
			inputs[name] = client.Input{Content: strings.NewReader(value), Size: int64(len(value))}
			continue
		}
		file, input, err := openInput(within(env.Dir, path))
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		files = append(files, file)
		inputs[name] = input
	}
	return inputs, closeAll, nil
}

func openInput(path string) (*os.File, client.Input, error) {
	format, known := formats[strings.ToLower(filepath.Ext(path))]
	if !known {
		endings := strings.Join(slices.Sorted(maps.Keys(formats)), ", ")
		return nil, client.Input{}, usage(fmt.Sprintf("--input: the name of %s doesn't tell its format", path), "these endings are known: "+endings)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, client.Input{}, usage("--input: "+err.Error(), "")
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, client.Input{}, usage("--input: "+path+" is no regular file", "write the data into a file first")
	}
	return file, client.Input{Content: file, Size: info.Size(), Format: format}, nil
}

// submitOptions are what goes with every request of a command line. A bar shows the uploads of a single one.
func (a *app) submitOptions(inputs map[string]client.Input, count int) (options []client.SubmitOption, end func()) {
	for name, input := range inputs {
		options = append(options, client.WithInput(name, input))
	}
	if count > 1 {
		return options, func() {}
	}
	var field string
	var bar *transfer
	options = append(options, client.WithProgress(func(now string, done, total int64) {
		if now != field {
			bar.end()
			field, bar = now, newTransfer(a.env, now, total)
		}
		bar.set(done)
	}))
	return options, func() { bar.end() }
}
