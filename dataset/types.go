package dataset

import (
	"net/http"
	"strings"
	"sync"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/internal/storage"
)

// Types returns a registry of all types of this package and the built-in ones. Each is known by the names that Kedro
// accepts, such as pandas.CSVDataset and kedro_datasets.pandas.CSVDataset.
//
// The datasets of one registry share their connections to object stores and databases, over all catalogs made with it.
func Types() *catalog.Types {
	t := catalog.NewTypes()
	shared := newResources()
	for _, known := range []struct {
		class string
		build func(buildSpec) (catalog.Dataset, error)
	}{
		{apiClass, buildAPI},
		{csvClass, buildCSV},
		{excelClass, buildExcel},
		{incrementalClass, buildIncremental},
		{partitionedClass, buildPartitioned},
		{featherClass, buildFeather},
		{jsonClass, buildJSON},
		{parquetClass, buildParquet},
		{pandasJSONClass, buildPandasJSON},
		{textClass, buildText},
		{yamlClass, buildYAML},
		{matplotlibClass, buildImage},
		{pillowClass, buildImage},
		{plotlyClass, buildPlotly},
		{sqlQueryClass, buildSQLQuery},
		{sqlTableClass, buildSQLTable},
	} {
		register(t, known.class, func(spec catalog.Spec) (catalog.Dataset, error) {
			return known.build(buildSpec{Spec: spec, shared: shared})
		})
	}
	for _, r := range refused {
		register(t, "kedro_datasets."+r.class, r.build)
	}
	return t
}

// buildSpec is a catalog entry, and what its dataset shares with others.
type buildSpec struct {
	catalog.Spec
	shared *resources
}

// resources are what the datasets of one registry share.
type resources struct {
	stores    *storage.Set
	databases databases
	web       func() *http.Client // made at first use
}

func newResources() *resources {
	return &resources{stores: storage.NewSet(), web: sync.OnceValue(func() *http.Client {
		return &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	})}
}

// register adds a class of kedro_datasets by all names that Kedro finds it by: group.Class, group.module.Class, both with
// and without the package.
func register(t *catalog.Types, class string, build catalog.Builder) {
	module := strings.TrimPrefix(class, "kedro_datasets.")
	parts := strings.Split(module, ".")
	short := parts[0] + "." + parts[len(parts)-1]
	t.Register(class, build, module, short, "kedro_datasets."+short)
}
