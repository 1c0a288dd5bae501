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

// TestObjectStoresPassTheSuite runs the suite over real servers, with every type that keeps a file. Azure's is there where
// KEDGE_AZURITE names it.
func TestObjectStoresPassTheSuite(t *testing.T) {
	places := map[string]*catalogtest.Remote{"s3": remote(t, servertest.S3(t)), "gs": remote(t, servertest.GCS(t))}
	if bucket, ok := servertest.Azurite(t); ok {
		places["abfs"] = remote(t, bucket)
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			for name, subject := range fileTypes() {
				t.Run(name, func(t *testing.T) {
					subject.features.Remote = place
					catalogtest.Exercise(t, dataset.Types(), subject.config, subject.features)
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
