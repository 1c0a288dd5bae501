package catalog_test

import (
	"iter"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/kedge-run/kedge/catalog"
	"github.com/stretchr/testify/require"
)

type modelOptions struct {
	TestSize    float64
	RandomState int      `kedge:"random_state"`
	Features    []string `json:"features"`
	Inner       *struct{ Depth int8 }
	Wait        time.Duration
	Since       time.Time
}

func convert[T any](t *testing.T, value any) T {
	t.Helper()
	out, err := catalog.Convert(value, reflect.TypeFor[T]())
	require.NoError(t, err)
	return out.(T)
}

func TestConvertMappingToStruct(t *testing.T) {
	got := convert[modelOptions](t, map[string]any{"test_size": 0.2, "random_state": 3, "features": []any{"a", "b"},
		"inner": map[string]any{"depth": 4}, "wait": "1m", "since": "2024-01-02T03:04:05Z"})
	require.Equal(t, modelOptions{TestSize: 0.2, RandomState: 3, Features: []string{"a", "b"}, Inner: &struct{ Depth int8 }{4},
		Wait: time.Minute, Since: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)}, got)
	require.Equal(t, map[string]any{"Depth": int8(4)}, convert[map[string]any](t, got.Inner))
	require.Equal(t, []modelOptions{{RandomState: 1}}, convert[[]modelOptions](t, []map[string]any{{"random_state": 1}}))
}

func TestConvertErrorsNameTheKey(t *testing.T) {
	for want, value := range map[string]any{
		`inner.depth: expected int8, got int 400`:                    map[string]any{"inner": map[string]any{"depth": 400}},
		`features[1]: expected string, got int 2`:                    map[string]any{"features": []any{"a", 2}},
		`random_state: expected int, got float64 1.5`:                map[string]any{"random_state": 1.5},
		`random_state: expected int, got string "1"`:                 map[string]any{"random_state": "1"},
		`random_state: expected int, got nothing (null)`:             map[string]any{"random_state": nil},
		`got unknown key "tset_size"`:                                map[string]any{"tset_size": 1},
		`expected catalog_test.modelOptions, got []interface {}`:     []any{},
		`wait: expected a duration such as 1m30s, got string "soon"`: map[string]any{"wait": "soon"},
	} {
		_, err := catalog.Convert(value, reflect.TypeFor[modelOptions]())
		require.ErrorContains(t, err, want)
	}
}

func TestConvertNumbersKeepTheirValue(t *testing.T) {
	require.Equal(t, 2, convert[int](t, 2.0))
	require.Equal(t, 2.0, convert[float64](t, 2))
	require.Equal(t, uint8(255), convert[uint8](t, 255))
	for _, test := range []struct {
		value any
		want  reflect.Type
	}{{-1, reflect.TypeFor[uint]()}, {256, reflect.TypeFor[uint8]()}, {math.Inf(1), reflect.TypeFor[int]()}, {1<<53 + 1, reflect.TypeFor[float64]()},
		{uint64(math.MaxUint64), reflect.TypeFor[int64]()}, {true, reflect.TypeFor[int]()}, {1, reflect.TypeFor[bool]()}, {1e300, reflect.TypeFor[float32]()}} {
		_, err := catalog.Convert(test.value, test.want)
		require.Error(t, err, "%v to %s", test.value, test.want)
	}
}

func TestConvertListToIterator(t *testing.T) {
	seq := convert[iter.Seq[int]](t, []any{1, 2.0})
	require.Equal(t, []int{1, 2}, slices.Collect(seq))
	n := 0
	for value, err := range convert[iter.Seq2[int, error]](t, []any{1, "x"}) {
		if n++; n == 1 {
			require.NoError(t, err)
			require.Equal(t, 1, value)
			continue
		}
		require.ErrorContains(t, err, `[1]: expected int, got string "x"`)
	}
	require.Equal(t, 2, n)
}
