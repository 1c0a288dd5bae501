package dataset

import "github.com/kedge-run/kedge/catalog"

// Types returns a registry of all types of this package and the built-in ones.
func Types() *catalog.Types {
	return catalog.NewTypes()
}
