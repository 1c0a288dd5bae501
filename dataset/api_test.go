package dataset_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/kedge-run/kedge/catalog"
	"github.com/kedge-run/kedge/catalog/catalogtest"
	"github.com/kedge-run/kedge/dataset"
	"github.com/stretchr/testify/require"
)

// apiServer keeps what is put, by path, and answers gets with it. /echo answers with the request.
func apiServer(t *testing.T) string {
	var mu sync.Mutex // guards kept
	kept := map[string][]byte{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case r.URL.Path == "/slow":
			<-r.Context().Done()
		case strings.HasPrefix(r.URL.Path, "/echo"):
			user, password, _ := r.BasicAuth()
			cookie, _ := r.Cookie("c")
			_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "query": r.URL.RawQuery, "body": string(body), "kind": r.Header.Get("Content-Type"),
				"key": r.Header.Get("X-Key"), "user": user + ":" + password, "cookie": cookie.String()})
		case r.Method == http.MethodGet:
			text, ok := kept[r.URL.Path]
			if !ok {
				http.NotFound(w, r)
			}
			_, _ = w.Write(text)
		case r.Method == http.MethodPost:
			kept[r.URL.Path] = append(append(kept[r.URL.Path], body...), '\n')
		default:
			kept[r.URL.Path] = body
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestAPIPassesTheSuite(t *testing.T) {
	address := apiServer(t)
	plain := func(_ *testing.T, loaded any) any { return loaded.(*dataset.Response).Text() }
	catalogtest.Exercise(t, dataset.Types(), map[string]any{"type": "api.APIDataset"}, catalogtest.Features{
		Value: `{"a": [1, null]}`, Second: "2", Plain: plain, Absent: "('Failed to fetch data', HTTPError('404 Client Error: Not Found for url: ",
		Mutate: func(loaded any) { loaded.(*dataset.Response).Body[0] = 'x' },
		Place:  func(folder string) map[string]any { return map[string]any{"url": address + folder} },
		Fill: func(t *testing.T, config map[string]any, value any) {
			c := newCatalog(t, map[string]map[string]any{"put": {"type": "api.APIDataset", "url": config["url"], "method": "PUT"}})
			require.NoError(t, c.Save(t.Context(), "put", value))
		}})
}

func TestAPIRequests(t *testing.T) {
	address := apiServer(t) + "/echo?a=1"
	type answer struct{ Method, Query, Body, Kind, Key, User, Cookie string }
	c := newCatalog(t, map[string]map[string]any{
		"get": {"type": "api.APIDataset", "url": address, "credentials": []any{"me", "pw"}, "load_args": map[string]any{
			"params": map[string]any{"b": []any{1, "x y"}, "c": nil, "d": true}, "headers": map[string]any{"X-Key": "k"}, "cookies": map[string]any{"c": "v"},
			"json": map[string]any{"q": 1}, "timeout": []any{3, 27.5}}},
		"form": {"type": "api.APIDataset", "url": address, "load_args": map[string]any{"data": map[string]any{"x": "é"}, "auth": []any{"a", "b"}}},
	})
	require.Equal(t, answer{Method: "GET", Query: "a=1&b=1&b=x+y&d=True", Body: `{"q": 1}`, Kind: "application/json", Key: "k", User: "me:pw", Cookie: "c=v"},
		load[answer](t.Context(), t, c, "get"))
	form := load[map[string]string](t.Context(), t, c, "form")
	require.Equal(t, "x=%C3%A9", form["body"])
	require.Equal(t, "a:b", form["user"])
	require.Contains(t, load[string](t.Context(), t, c, "form"), `"method":"GET"`)
	require.Equal(t, 200, load[*dataset.Response](t.Context(), t, c, "form").Status)
	found, err := c.Exists(t.Context(), "form")
	require.NoError(t, err)
	require.True(t, found)
	ds := must(c.Get(t.Context(), "get", catalog.GetOptions{}))
	require.Equal(t, "kedro_datasets.api.api_dataset.APIDataset(url='"+strings.Replace(address, "a=1", "<redacted>", 1)+"', method='GET', "+
		"params={'b': [1, 'x y'], 'c': None, 'd': True}, headers={'X-Key': '<redacted>'}, json={'q': 1}, cookies={'c': '<redacted>'}, timeout=[3, 27.5])", ds.Describe().String())
}

func TestAPISaves(t *testing.T) {
	address := apiServer(t)
	file := t.TempDir() + "/answer.json"
	c := newCatalog(t, map[string]map[string]any{
		"chunks": {"type": "api.APIDataset", "url": address + "/chunks", "method": "POST", "save_args": map[string]any{"chunk_size": 2}},
		"singly": {"type": "api.APIDataset", "url": address + "/singly", "method": "POST", "save_args": map[string]any{"send_individually": true}},
		"rows":   {"type": "api.APIDataset", "url": address + "/rows", "method": "PUT"},
		"answer": {"type": "api.APIDataset", "url": address + "/echo", "method": "POST", "response_dataset": map[string]any{"type": "json.JSONDataset", "filepath": file}},
		"kept":   {"type": "json.JSONDataset", "filepath": file},
	})
	ctx := t.Context()
	got := func(path string) string {
		return load[string](ctx, t, newCatalog(t, map[string]map[string]any{"g": {"type": "api.APIDataset", "url": address + path}}), "g")
	}
	require.NoError(t, c.Save(ctx, "chunks", []any{1, "x", nil}))
	require.Equal(t, "[1, \"x\"]\n[null]\n", got("/chunks"))
	require.NoError(t, c.Save(ctx, "singly", []map[string]any{{"a": 1}, {"a": 2}}))
	require.Equal(t, "{\"a\": 1}\n{\"a\": 2}\n", got("/singly"))
	require.NoError(t, c.Save(ctx, "rows", table()))
	require.Contains(t, got("/rows"), `{"id": 1, "name": "a,b", "price": 0.5}`)
	require.NoError(t, c.Save(ctx, "answer", `{"q":  1}`))
	require.Equal(t, `{"q": 1}`, load[map[string]any](ctx, t, c, "kept")["body"])
	require.ErrorContains(t, c.Save(ctx, "chunks", []any{}), "Cannot save an empty list.")
	require.ErrorContains(t, c.Save(ctx, "rows", "no json"), "Failed while saving data to dataset")
	_, err := c.Load(ctx, "rows")
	require.ErrorContains(t, err, "Only GET method is supported for load().Use save() to send data")
}

func TestAPIErrors(t *testing.T) {
	for text, extra := range map[string]map[string]any{
		"Only GET, POST and PUT methods are supported":            {"method": "DELETE"},
		"Cannot specify both auth and credentials.":               {"credentials": []any{"a", "b"}, "load_args": map[string]any{"auth": []any{"a", "b"}}},
		"credentials must be a list of a login and a password":    {"credentials": map[string]any{"token": "secret"}},
		"load_args.proxies isn't supported; supported are: allow": {"load_args": map[string]any{"proxies": map[string]any{}}},
		"load_args.timeout must be seconds":                       {"load_args": map[string]any{"timeout": "x"}},
		"url must begin with http:// or https:// and a host":      {"url": "ftp://u:secret@x"},
	} {
		config := map[string]any{"type": "api.APIDataset", "url": "http://localhost"}
		for key, value := range extra {
			config[key] = value
		}
		_, err := dataset.Types().New("x", config, catalog.Version{})
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "secret")
	}
	c := newCatalog(t, map[string]map[string]any{
		"slow": {"type": "api.APIDataset", "url": apiServer(t) + "/slow", "load_args": map[string]any{"timeout": 0.05}},
		"away": {"type": "api.APIDataset", "url": "http://127.0.0.1:1/?token=secret"},
	})
	_, err := c.Load(t.Context(), "slow")
	require.ErrorContains(t, err, "Failed to connect to the remote server: no answer within 50ms")
	_, err = c.Load(t.Context(), "away")
	require.ErrorContains(t, err, "Failed to connect to the remote server: ")
	require.NotContains(t, err.Error(), "secret")
}
