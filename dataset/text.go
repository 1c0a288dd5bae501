package dataset

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"unicode/utf8"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/pyyaml"
	"github.com/kedge-run/kedge/internal/storage"
)

const (
	textClass = "kedro_datasets.text.text_dataset.TextDataset"
	yamlClass = "kedro_datasets.yaml.yaml_dataset.YAMLDataset"
)

func buildText(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec); err != nil {
		return nil, err
	}
	return newFile(spec, textCodec{})
}

// textCodec is a whole file as one text.
type textCodec struct{}

func (textCodec) decode(_ context.Context, src storage.Object, want reflect.Type) (any, error) {
	data, err := io.ReadAll(src)
	if err != nil {
		return nil, err
	}
	if want == bytesType {
		return data, nil
	}
	if !utf8.Valid(data) {
		return nil, &catalog.Exception{Type: "UnicodeDecodeError", Message: "the file isn't UTF-8 text"}
	}
	return catalog.Convert(universalNewlines(string(data)), want)
}

func (textCodec) encode(_ context.Context, w io.Writer, data any) error {
	switch v := data.(type) {
	case string:
		_, err := io.WriteString(w, v)
		return err
	case []byte:
		_, err := w.Write(v)
		return err
	case fmt.Stringer:
		_, err := io.WriteString(w, v.String())
		return err
	}
	if v := reflect.ValueOf(data); v.Kind() == reflect.String {
		_, err := io.WriteString(w, v.String())
		return err
	}
	return &catalog.Exception{Type: "TypeError", Message: fmt.Sprintf("write() argument must be str, not %s", catalog.TypeName(data))}
}

func buildYAML(spec buildSpec) (catalog.Dataset, error) {
	if err := checkFileArguments(spec, "save_args"); err != nil {
		return nil, err
	}
	a := argsOf(spec, "save_args")
	if a.boolean("default_flow_style", false) {
		a.fail("default_flow_style", "must be false: YAML is written in block style")
	}
	if !a.boolean("sort_keys", true) {
		a.fail("sort_keys", "must be true: mappings of Go have no order of their own")
	}
	if err := a.done(); err != nil {
		return nil, err
	}
	return newFile(spec, yamlCodec{}, shown(spec, "save_args", map[string]any{"default_flow_style": false}))
}

// yamlCodec reads and writes YAML as PyYAML's safe loader and dumper do.
type yamlCodec struct{}

func (yamlCodec) decode(_ context.Context, src storage.Object, want reflect.Type) (any, error) {
	text, err := io.ReadAll(src)
	if err != nil {
		return nil, err
	}
	if text, err = yamlText(text); err != nil {
		return nil, err
	}
	data, err := pyyaml.Decode(text, pyyaml.Options{Schema: pyyaml.Safe})
	if err != nil {
		return nil, err
	}
	return catalog.Convert(pyyaml.PlainValue(data), want)
}

func (yamlCodec) encode(_ context.Context, w io.Writer, data any) error {
	plain, err := plainValue(data)
	if err != nil {
		return err
	}
	text, err := pyyaml.Encode(plain)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
