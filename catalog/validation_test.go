package catalog

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// textFile is a dataset over a file, as small as it can be.
type textFile struct {
	path  string
	fails error // of saves
}

func (f *textFile) Load(context.Context) (any, error) {
	text, err := os.ReadFile(f.path)
	return string(text), err
}

func (f *textFile) Save(_ context.Context, data any) error {
	if f.fails != nil {
		return f.fails
	}
	return os.WriteFile(f.path, []byte(data.(string)), 0o600)
}

func (f *textFile) Exists(context.Context) (bool, error) { return true, nil }
func (f *textFile) Release(context.Context) error        { return nil }
func (f *textFile) Describe() Description                { return Description{Type: "test.TextFile"} }

var errShort = errors.New("it is too short")

// limit is a validator with an option.
type limit struct{ most int }

func (l limit) Validate(_ context.Context, data any) (any, error) {
	if n := len(data.(string)); n > l.most {
		return nil, &DataValidationError{Message: "too long", Failures: []CheckFailure{{Check: "length", Column: "text", Count: 2, Examples: []any{n, "x"}}}}
	}
	return data, nil
}

func testValidators(calls *int) *Validators {
	v := NewValidators()
	v.Register("my.NotShort", func(text string) error {
		*calls++
		if len(text) < 3 {
			return errShort
		}
		return nil
	})
	v.Register("my.Upper", func(_ context.Context, text string) (string, error) { *calls++; return text + "!", nil })
	v.Register("my.Limit", func(options map[string]any) (Validator, error) {
		most, ok := options["most"].(int)
		if !ok {
			return nil, errors.New("most must be a number")
		}
		return limit{most}, nil
	})
	v.Register("my.Fixed", limit{3})
	v.Register("my.Number", func(n int) error { return nil })
	return v
}

// validated makes a catalog of one text file, x, with a validator.
func validated(t *testing.T, declared any, opts Options) (*DataCatalog, *textFile, *int) {
	t.Helper()
	file, calls := &textFile{path: filepath.Join(t.TempDir(), "x")}, new(int)
	opts.Types, opts.Validators = NewTypes(), testValidators(calls)
	opts.Types.Register("test.TextFile", func(Spec) (Dataset, error) { return file, nil })
	c, err := FromConfig(t.Context(), []Entry{
		{Name: "x", Config: map[string]any{"type": "test.TextFile", "validator": declared}},
		{Name: "{any}_made", Config: map[string]any{"type": "test.TextFile", "validator": declared}},
		{Name: "free", Config: map[string]any{"type": "test.TextFile"}},
	}, opts)
	require.NoError(t, err)
	return c, file, calls
}

func TestValidatorsOnSaveAndLoad(t *testing.T) { // CAT-144, CAT-145
	ctx := t.Context()
	for _, name := range []string{"x", "some_made"} {
		c, file, calls := validated(t, "my.NotShort", Options{})
		err := c.Save(ctx, name, "ab")
		require.EqualError(t, err, "Validation failed for dataset '"+name+"' on save\n(validator: my.NotShort)\nit is too short")
		require.ErrorIs(t, err, errShort)
		require.NoFileExists(t, file.path)
		require.NoError(t, os.WriteFile(file.path, []byte("ab"), 0o600))
		_, err = c.Load(ctx, name)
		require.EqualError(t, err, "Validation failed for dataset '"+name+"' on load\n(validator: my.NotShort)\nit is too short")
		require.NoError(t, c.Save(ctx, name, "abc"))
		got, err := c.LoadAs(ctx, name, reflect.TypeFor[string]())
		require.NoError(t, err)
		require.Equal(t, "abc", got)
		require.Equal(t, 4, *calls)
		require.NoError(t, c.Save(ctx, "free", "a"), "others aren't validated")
	}
	c, file, _ := validated(t, "my.Upper", Options{})
	require.NoError(t, c.Save(ctx, "x", "abc"))
	require.Equal(t, "abc!", must(os.ReadFile(file.path)), "what the validator returns is written")
	require.Equal(t, "abc!!", must(c.Load(ctx, "x")))
	number, _, _ := validated(t, "my.Number", Options{})
	require.ErrorContains(t, number.Save(ctx, "x", "abc"), `expected int, got string "abc"`)
}

func must(value any, err error) any {
	if err != nil {
		return err
	}
	if text, ok := value.([]byte); ok {
		return string(text)
	}
	return value
}

func TestValidationErrorIsKedros(t *testing.T) { // CAT-145
	c, _, _ := validated(t, map[string]any{"class": "my.Limit", "options": map[string]any{"most": 2}}, Options{})
	err := c.Save(t.Context(), "x", "abc")
	require.EqualError(t, err, "Validation failed for dataset 'x' on save\n(validator: my.Limit)\n1 check(s) failed — 2 failure case(s):\n  - text: length — 2 cases (e.g. 3, x)")
	var failed *DataValidationError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "DataValidationError", failed.ErrorType())
	require.Equal(t, []string{"DatasetError", "Exception"}, failed.ErrorBases())
	many := &DataValidationError{Dataset: "x", Failures: make([]CheckFailure, 12)}
	require.Contains(t, many.Error(), "12 check(s) failed — 12 failure case(s):\n")
	require.Contains(t, many.Error(), "\n  ... and 2 more check(s)")
}

func TestWarningsKeepTheData(t *testing.T) { // CAT-146
	var lines bytes.Buffer
	ctx := zerolog.New(&lines).WithContext(t.Context())
	c, file, _ := validated(t, map[string]any{"class": "my.NotShort", "severity": "warn"}, Options{})
	require.NoError(t, c.Save(ctx, "x", "ab"))
	require.Equal(t, "ab", must(os.ReadFile(file.path)))
	require.Contains(t, lines.String(), `"level":"warn"`)
	require.Contains(t, lines.String(), `Validation failed for dataset 'x' on save\n(validator: my.NotShort)\nit is too short`)
}

func TestValidationIsSwitched(t *testing.T) { // CAT-141
	for _, test := range []struct {
		env         string
		unvalidated bool
		want        bool
	}{{"", false, true}, {"", true, false}, {" OFF ", false, false}, {"0", false, false}, {"true", true, true}, {"On", true, true}, {"what", false, true}} {
		t.Setenv("KEDRO_DATASET_VALIDATION", test.env)
		c, _, _ := validated(t, "my.NotShort", Options{Unvalidated: test.unvalidated})
		require.Equal(t, test.want, c.Save(t.Context(), "x", "ab") != nil, test)
	}
	for declared, want := range map[string]bool{"load": false, "save": true} {
		c, _, _ := validated(t, map[string]any{"class": "my.NotShort", "True": declared}, Options{}) // CAT-143
		require.Equal(t, want, c.Save(t.Context(), "x", "ab") != nil)
		c, _, _ = validated(t, map[any]any{"class": "my.NotShort", true: declared}, Options{})
		require.Equal(t, want, c.Save(t.Context(), "x", "ab") != nil)
	}
	c, _, _ := validated(t, map[string]any{"class": "my.NotShort", "enabled": false}, Options{})
	require.NoError(t, c.Save(t.Context(), "x", "ab"))
}

func TestLoadAfterAValidatedSave(t *testing.T) { // CAT-147
	ctx := t.Context()
	c, file, calls := validated(t, map[string]any{"class": "my.NotShort", "skip_load_after_save": true}, Options{})
	load := func(want int) {
		t.Helper()
		_, err := c.Load(ctx, "x")
		require.NoError(t, err)
		require.Equal(t, want, *calls)
	}
	require.NoError(t, c.Save(ctx, "x", "abc"))
	load(1)
	require.NoError(t, c.Release(ctx, "x"))
	load(2)
	require.NoError(t, c.Save(ctx, "x", "abc"))
	file.fails = errors.New("full")
	require.ErrorContains(t, c.Save(ctx, "x", "abcd"), "full")
	load(5)
	require.NoError(t, c.Set(ctx, "x", "ab")) // CAT-054
	load(5)
}

func TestWrongDeclarations(t *testing.T) { // CAT-142, CAT-148
	for text, declared := range map[string]any{
		"list form is reserved for future use. Declare a single validator as a class path string or a dictionary.":           []any{"x"},
		"unknown key(s) ['klass']. Allowed keys: ['class', 'enabled', 'on', 'options', 'severity', 'skip_load_after_save'].": map[string]any{"klass": "x"},
		"'class' must be a non-empty class path string.":                                                                     map[string]any{"class": ""},
		"'on' must be a non-empty subset of ['load', 'save'], got 'never'.":                                                  map[string]any{"class": "x", "on": "never"},
		"'on' must be a non-empty subset of ['load', 'save'], got [].":                                                       map[string]any{"class": "x", "on": []any{}},
		"'severity' must be one of ['error', 'warn'], got 'bad'.":                                                            map[string]any{"class": "x", "severity": "bad"},
		"'options' must be a dictionary, got list.":                                                                          map[string]any{"class": "x", "options": []any{}},
		"'enabled' must be a boolean, got int.":                                                                              map[string]any{"class": "x", "enabled": 1},
		"expected a class path string or a dictionary, got int (5).":                                                         5,
		"both an unquoted 'on' key (which YAML reads as the boolean True) and a qu":                                          map[string]any{"class": "x", "on": "load", "True": "load"},
	} {
		_, err := FromConfig(t.Context(), []Entry{{Name: "x", Config: map[string]any{"type": "MemoryDataset", "validator": declared}}}, Options{})
		require.ErrorContains(t, err, "Invalid validator declaration for dataset 'x': "+text)
		var known *DatasetError
		require.ErrorAs(t, err, &known)
		require.Equal(t, "ValidationConfigurationError", known.ErrorType())
	}
	for text, declared := range map[string]any{
		"Could not import validator 'my.Other': no validator of this name is registered. Registered are: my.Fixed, my.Limit,":    "my.Other",
		"Could not instantiate validator 'my.Limit' with options {'most': 'x'}: most must be a number":                           map[string]any{"class": "my.Limit", "options": map[string]any{"most": "x"}},
		"Validator 'my.Fixed' is an instance and cannot accept options ['a']; declare a class path instead or drop the options.": map[string]any{"class": "my.Fixed", "options": map[string]any{"a": 1}},
		"Validator 'my.Upper' is a plain callable and cannot accept options ['a'];":                                              map[string]any{"class": "my.Upper", "options": map[string]any{"a": 1}},
	} {
		c, _, _ := validated(t, declared, Options{})
		require.ErrorContains(t, c.Save(t.Context(), "x", "abc"), text)
	}
	require.Panics(t, func() { NewValidators().Register("x", func() {}) })
}

func TestUnregisteredValidatorsAreAWarning(t *testing.T) { // CAT-149
	var lines bytes.Buffer
	ctx := zerolog.New(&lines).WithContext(t.Context())
	_, err := FromConfig(ctx, []Entry{{Name: "x", Config: map[string]any{"type": "MemoryDataset", "validator": "my.Other"}}}, Options{})
	require.NoError(t, err)
	require.Contains(t, lines.String(), "Validator for dataset 'x' is not registered (declared: my.Other).")
}

func TestValidateOnDemand(t *testing.T) { // CAT-150
	ctx := t.Context()
	c, file, _ := validated(t, map[string]any{"class": "my.NotShort", "severity": "warn", "enabled": false, "on": "load"}, Options{Unvalidated: true})
	require.NoError(t, os.WriteFile(file.path, []byte("ab"), 0o600))
	failed := ValidationResult{Dataset: "x", Validator: "my.NotShort", Status: ValidationFailed,
		Message: "Validation failed for dataset 'x' on api\n(validator: my.NotShort)\nit is too short"}
	require.Equal(t, failed, c.Validate(ctx, "x", ValidateOptions{}))
	require.Equal(t, map[string]ValidationResult{"x": failed}, c.ValidateAll(ctx))
	passed := c.Validate(ctx, "x", ValidateOptions{Data: "abc"})
	require.True(t, passed.OK())
	require.Equal(t, ValidationResult{Dataset: "x", Validator: "my.NotShort", Status: ValidationPassed, Data: "abc"}, passed)
	require.Equal(t, "validator declared for load only", c.Validate(ctx, "x", ValidateOptions{OnSave: true, Data: "abc"}).Reason)
	require.Equal(t, "no validator declared", c.Validate(ctx, "free", ValidateOptions{}).Reason)
	require.Equal(t, "Dataset 'nope' not found in the catalog.", c.Validate(ctx, "nope", ValidateOptions{}).Message)
	require.NoError(t, os.Remove(file.path))
	gone := c.Validate(ctx, "x", ValidateOptions{})
	require.Equal(t, "dataset_error", gone.ErrorType)
	require.Contains(t, gone.Message, "Failed while loading data from dataset test.TextFile().")
	other, _, _ := validated(t, "my.Other", Options{})
	require.Equal(t, "unresolvable_validator", other.Validate(ctx, "x", ValidateOptions{}).ErrorType)
}

func TestValidatorsAreExported(t *testing.T) { // CAT-130
	for _, test := range []struct{ declared, want any }{
		{"my.Upper", "my.Upper"},
		{map[string]any{"class": "my.Upper", "on": []any{"save", "load"}, "severity": "error"}, "my.Upper"},
		{map[string]any{"class": "my.Upper", "True": "save", "severity": "warn"}, map[string]any{"class": "my.Upper", "on": []any{"save"}, "severity": "warn"}},
	} {
		c, _, _ := validated(t, test.declared, Options{})
		require.Equal(t, test.want, c.ToConfig().Catalog[0].Config.(map[string]any)["validator"])
	}
}

func TestCatalogsAreEqual(t *testing.T) { // CAT-062
	build := func(path string) *DataCatalog {
		c, err := FromConfig(t.Context(), []Entry{{Name: "x", Config: map[string]any{"type": "MemoryDataset", "metadata": path}},
			{Name: "{y}_z", Config: map[string]any{"type": "MemoryDataset"}}}, Options{SaveVersion: "1"})
		require.NoError(t, err)
		return c
	}
	a, b := build("p"), build("p")
	require.True(t, a.Equal(b))
	require.False(t, a.Equal(build("q")))
	ds, err := a.Get(t.Context(), "x", GetOptions{})
	require.NoError(t, err)
	require.False(t, a.Equal(b), "a dataset in use is only equal to itself")
	require.NoError(t, b.Set(t.Context(), "x", ds))
	require.True(t, a.Equal(b))
}
