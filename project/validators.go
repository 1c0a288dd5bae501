package project

import (
	"slices"

	"github.com/kedge-run/kedge/catalog"
)

// WithValidator registers a validator that entries of catalog.yml may declare by the key "validator" (CAT-140): a
// [catalog.Validator], a function that makes one of the options of the declaration, or a function of the data,
// func([ctx,] T) ([T,] error). See [catalog.Validators.Register].
func WithValidator(name string, validator any) Option {
	return func(p *Project) {
		if slices.Contains(p.validators.Names(), name) {
			p.fail("validator %q is registered twice", name)
			return
		}
		p.validators.Register(name, validator)
	}
}

// Validators are those that the project's catalog may declare.
func (p *Project) Validators() *catalog.Validators { return p.validators }
