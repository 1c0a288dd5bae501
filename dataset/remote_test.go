package dataset_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/catalog/catalogtest"
	"github.com/kedge-run/kedge/dataset"
	"github.com/kedge-run/kedge/internal/servertest"
	"github.com/kedge-run/kedge/internal/storage"
	"github.com/stretchr/testify/require"
)

// remote makes a bucket a folder of the suite.
func remote(t *testing.T, bucket servertest.Bucket) *catalogtest.Remote {
	t.Helper()
	protocol, _, _ := strings.Cut(bucket.URL, "://")
	store, err := storage.NewSet().Open(protocol, bucket.Options)
	require.NoError(t, err)
	return &catalogtest.Remote{URL: bucket.URL, Credentials: bucket.Options, List: func(ctx context.Context, url string) ([]string, error) {
		return store.List(ctx, strings.TrimPrefix(url, protocol+"://"))
	}}
}

// TestObjectStoresPassTheSuite runs the suite over real servers, with a type that reads in order and one that reads anywhere.
func TestObjectStoresPassTheSuite(t *testing.T) {
	second := &dataset.Table{Columns: []string{"other"}, Rows: [][]any{{int64(7)}}}
	for name, start := range map[string]func(testing.TB) servertest.Bucket{"s3": servertest.S3, "gs": servertest.GCS} {
		t.Run(name, func(t *testing.T) {
			place := remote(t, start(t))
			for kind, file := range map[string]string{"pandas.CSVDataset": "x.csv", "pandas.ParquetDataset": "x.parquet"} {
				t.Run(kind, func(t *testing.T) {
					catalogtest.Exercise(t, dataset.Types(), map[string]any{"type": kind},
						catalogtest.Features{Value: table(), Second: second, Refused: 5, Mutate: mutateTable, File: file, Remote: place})
				})
			}
		})
	}
}

// TestFilesOverHTTP: reading only, no versions (CAT-073), secrets of the URL nowhere.
func TestFilesOverHTTP(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir("testdata")))
	t.Cleanup(server.Close)
	c := newCatalog(t, map[string]map[string]any{
		"there":   {"type": "pandas.ParquetDataset", "filepath": server.URL + "/pandas.parquet?token=secret"},
		"missing": {"type": "pandas.ParquetDataset", "filepath": server.URL + "/missing?token=secret"},
		"version": {"type": "pandas.ParquetDataset", "filepath": server.URL + "/x", "versioned": true},
	})
	require.Len(t, load[*dataset.Table](t.Context(), t, c, "there").Rows, 3)
	found, err := c.Exists(t.Context(), "missing")
	require.NoError(t, err)
	require.False(t, found)
	_, err = c.Load(t.Context(), "missing")
	require.ErrorContains(t, err, "[Errno 2] No such file or directory: '"+server.URL+"/missing?<redacted>'")
	require.NotContains(t, err.Error(), "secret")
	require.ErrorContains(t, c.Save(t.Context(), "there", table()), "only load it")
	_, err = c.Get(t.Context(), "version", catalog.GetOptions{})
	require.ErrorContains(t, err, "Versioning is not supported for HTTP protocols.")
}
