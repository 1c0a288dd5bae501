package catalog

import (
	"context"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/rs/zerolog"
)

// validatorOf returns the declared validator of a name; nil when it has none, or was replaced since (CAT-054).
func (c *DataCatalog) validatorOf(name string) (*validatorSpec, error) {
	if !c.blueprint.validates {
		return nil, nil
	}
	c.mu.RLock()
	dropped := c.isDropped(name)
	c.mu.RUnlock()
	if dropped || c.parameters.has(name) {
		return nil, nil
	}
	if e, err := c.blueprint.resolve(name); err == nil { // the error is that of whoever needs the entry
		return e.validator()
	}
	return nil, nil
}

// activeValidator returns the validator to ask now; nil when there is none (CAT-140, CAT-141, CAT-147).
func (c *DataCatalog) activeValidator(name, mode string) *validatorSpec {
	if !c.blueprint.validates || !c.validationEnabled() {
		return nil
	}
	s, err := c.validatorOf(name)
	if err != nil || s == nil || !s.enabled || !s.applies(mode) {
		return nil // a wrong declaration was the error of making the dataset
	}
	if mode == modeLoad && s.skip {
		if _, validated := c.saved.Load(name); validated {
			return nil
		}
	}
	return s
}

// validationEnabled reads the switch at every operation, so that it works on a session that lives (CAT-141).
func (c *DataCatalog) validationEnabled() bool {
	switch strings.ToLower(strings.TrimSpace(os.Getenv("KEDRO_DATASET_VALIDATION"))) {
	case "0", "false", "off":
		return false
	case "1", "true", "on":
		return true
	}
	return !c.blueprint.unvalidated
}

// loadValidated loads what the validator wants, asks it, and makes its answer what the node wants (CAT-144).
func (c *DataCatalog) loadValidated(ctx context.Context, s *validatorSpec, name string, ds Dataset, want reflect.Type) (any, error) {
	bound, err := s.resolve()
	if err != nil {
		return nil, err
	}
	first := want
	if bound.want != nil || want == undecodedType {
		first = bound.want
	}
	data, err := loadAs(ctx, ds, first)
	if err != nil {
		return nil, prefixed(name, err)
	}
	validated, _, err := s.validate(ctx, bound, name, modeLoad, data)
	if err != nil {
		return nil, err
	}
	if want == undecodedType { // the file as it is: the program reads it itself
		data, err = loadAs(ctx, ds, want)
	} else if data, err = Convert(validated, want); err != nil {
		err = Errorf("Failed while loading data from dataset %s.\n%w", ds.Describe(), err)
	}
	return data, prefixed(name, err)
}

// saveValidated asks the validator and saves what it returns (CAT-144, CAT-147).
func (c *DataCatalog) saveValidated(ctx context.Context, s *validatorSpec, name string, ds Dataset, data any) error {
	if _, ok := data.(File); ok {
		return &DatasetError{Kind: kindValidationConfiguration, Message: "Validator '" + s.name + "' of dataset '" + name +
			"' can't check the file that a command wrote: declare it with 'on: load'."}
	}
	bound, err := s.resolve()
	if err != nil {
		return err
	}
	passed := false
	if data != nil {
		if data, passed, err = s.validate(ctx, bound, name, modeSave, data); err != nil {
			return err
		}
	}
	if err := save(ctx, ds, data); err != nil {
		c.saved.Delete(name) // what is there now is unknown
		return prefixed(name, err)
	}
	if passed {
		c.saved.Store(name, struct{}{})
	}
	return nil
}

// validate asks a validator; a failure is an error or, by its severity, a warning (CAT-145, CAT-146).
func (s *validatorSpec) validate(ctx context.Context, bound *boundValidator, name, mode string, data any) (validated any, passed bool, err error) {
	validated, err = bound.Validate(ctx, data)
	if err == nil {
		if validated == nil {
			validated = data
		}
		return validated, true, nil
	}
	if ctx.Err() != nil {
		return nil, false, err
	}
	failed := s.failure(name, mode, err)
	if s.warn {
		zerolog.Ctx(ctx).Warn().Str("logger", loggerName).Str("dataset", name).Msg(failed.Error())
		return data, false, nil
	}
	return nil, false, failed
}

// failure makes the error of a validator one about a dataset.
func (s *validatorSpec) failure(name, mode string, err error) *DataValidationError {
	failed := DataValidationError{Message: err.Error(), Err: err}
	var known *DataValidationError
	if errors.As(err, &known) {
		failed = *known
	}
	failed.Dataset, failed.Mode = name, mode
	if failed.Validator == "" {
		failed.Validator = s.name
	}
	return &failed
}

// warnUnregistered logs declared validators that are not there (CAT-149).
func (b *Blueprint) warnUnregistered(ctx context.Context) {
	for _, name := range b.names {
		if s, err := b.entries[name].validator(); err == nil && s != nil && !b.validators.has(s.name) {
			zerolog.Ctx(ctx).Warn().Str("logger", "kedro.framework.context.context").Str("dataset", name).
				Msgf("Validator for dataset '%s' is not registered (declared: %s).", name, s.name)
		}
	}
}

// Outcomes of ValidationResult.
const (
	ValidationPassed  = "passed"
	ValidationFailed  = "failed"
	ValidationSkipped = "skipped"
	ValidationErrored = "errored"
)

// ValidationResult is the outcome of Validate (CAT-150).
type ValidationResult struct {
	Dataset   string
	Validator string // "" when none is declared
	Status    string // ValidationPassed, ...
	Failures  []CheckFailure
	Message   string // of a failure or an error
	Reason    string // why it was skipped
	ErrorType string // of an error: unresolvable_validator or dataset_error
	Enabled   bool   // as declared; Validate doesn't ask
	Data      any    // as the validator returned it, when it passed
}

// OK tells whether the data isn't known to be bad: passed or skipped.
func (r ValidationResult) OK() bool {
	return r.Status == ValidationPassed || r.Status == ValidationSkipped
}

// ValidateOptions says what to validate.
type ValidateOptions struct {
	// Data is validated instead of what a load gives; nil loads.
	Data any
	// OnSave asks for what is declared for saving; Data must then be given. Defaults to loading.
	OnSave bool
	// Version is what to load. Defaults to the dataset's own choice.
	Version string
}

// Validate checks one dataset against its declared validator, whatever enables or softens it otherwise (Kedro's validate_dataset).
// Every outcome is a result.
func (c *DataCatalog) Validate(ctx context.Context, name string, opts ValidateOptions) ValidationResult {
	r := ValidationResult{Dataset: name, Status: ValidationErrored, ErrorType: "dataset_error", Enabled: true}
	if !c.Has(name) {
		r.Message = "Dataset '" + name + "' not found in the catalog."
		return r
	}
	s, err := c.validatorOf(name)
	if err != nil {
		r.Message = "Dataset '" + name + "' exists but could not be created: " + err.Error()
		return r
	}
	if s == nil {
		return ValidationResult{Dataset: name, Status: ValidationSkipped, Reason: "no validator declared", Enabled: true}
	}
	r.Validator, r.Enabled = s.name, s.enabled
	if opts.OnSave && !s.save || !opts.OnSave && !s.load {
		declared := modeLoad
		if s.save {
			declared = modeSave
		}
		r.Status, r.ErrorType, r.Reason = ValidationSkipped, "", "validator declared for "+declared+" only"
		return r
	}
	bound, err := s.resolve()
	if err != nil {
		r.ErrorType, r.Message = "unresolvable_validator", err.Error()
		return r
	}
	return c.validateData(ctx, s, bound, r, opts)
}

func (c *DataCatalog) validateData(ctx context.Context, s *validatorSpec, bound *boundValidator, r ValidationResult, opts ValidateOptions) ValidationResult {
	data := opts.Data
	if data == nil && opts.OnSave {
		r.Message = "data must be provided when validating with on='save'."
		return r
	}
	if data == nil {
		var get GetOptions
		if opts.Version != "" {
			get.Version = &Version{Load: opts.Version}
		}
		ds, err := c.Get(ctx, r.Dataset, get)
		if err == nil {
			data, err = loadAs(ctx, ds, bound.want)
		}
		if err != nil {
			r.Message = err.Error()
			return r
		}
	}
	r.ErrorType = ""
	validated, err := bound.Validate(ctx, data)
	if err != nil {
		failed := s.failure(r.Dataset, "api", err)
		r.Status, r.Failures, r.Message = ValidationFailed, failed.Failures, failed.Error()
		return r
	}
	if validated == nil {
		validated = data
	}
	r.Status, r.Data = ValidationPassed, validated
	return r
}

// ValidateAll checks the named datasets as Validate does for loading. Without names it checks every entry that declares a validator
// (Kedro's validate_catalog).
func (c *DataCatalog) ValidateAll(ctx context.Context, names ...string) map[string]ValidationResult {
	if names == nil {
		for _, name := range c.Keys() {
			if s, err := c.validatorOf(name); s != nil && err == nil {
				names = append(names, name)
			}
		}
	}
	out := make(map[string]ValidationResult, len(names))
	for _, name := range slices.Sorted(slices.Values(names)) {
		out[name] = c.Validate(ctx, name, ValidateOptions{})
	}
	return out
}
