package messages

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEncodersWriteEveryField compares the encoders written by hand with the standard
// one, once for each field alone, once for all of them and once for none.
func TestEncodersWriteEveryField(t *testing.T) {
	compare := func(t *testing.T, value any) {
		t.Helper()
		want, err := json.Marshal(value)
		require.NoError(t, err)
		var got []byte
		switch v := value.(type) {
		case *Status:
			got, err = v.Append(nil)
		case *Event:
			got, err = v.Append(nil)
		case *RunResult:
			got, err = (&Reply{Result: v}).Encode()
		case *RunError:
			got, err = (&Reply{Error: v}).Encode()
		}
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
	for _, value := range []any{&Status{}, &Event{}, &RunResult{}, &RunError{}} {
		kind := reflect.TypeOf(value).Elem()
		t.Run(kind.Name(), func(t *testing.T) {
			compare(t, value)
			all := reflect.New(kind)
			for i, field := range reflect.VisibleFields(kind) {
				if field.Anonymous {
					continue
				}
				one := reflect.New(kind)
				for _, into := range []reflect.Value{one, all} {
					fill(t, into.Elem().FieldByIndex(field.Index), i)
				}
				compare(t, one.Interface())
			}
			compare(t, all.Interface())
		})
	}
	odd := "a\"b\\c<d>&\n\u2028é\xff"
	compare(t, &Event{Message: odd, Node: odd, Time: time.Now()})
	compare(t, &Status{Waiting: odd, Pipelines: []string{odd, ""}, UpdatedAt: time.Now().UTC()})
}

// fill sets a value that is not its type's zero.
func fill(t *testing.T, v reflect.Value, n int) {
	t.Helper()
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 18, 36, n, 1660000, time.UTC)))
		return
	case json.RawMessage:
		v.SetBytes([]byte(`{"a":[1,2]}`))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text " + string(rune('a'+n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n + 1))
	case reflect.Uint64:
		v.SetUint(uint64(n + 1))
	case reflect.Slice:
		v.Set(reflect.ValueOf([]string{"a", "b"}))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		for i := range v.Elem().NumField() {
			fill(t, v.Elem().Field(i), i)
		}
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		if element.Kind() == reflect.String {
			element.SetString("value")
		} else {
			element.Field(0).SetBytes([]byte("1"))
		}
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), element)
	default:
		t.Fatalf("no value for %s", v.Type())
	}
}
