package catalog

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Field is one exported field of a struct, by the name that columns and mappings know it by.
type Field struct {
	Name  string // from the tag kedge, else json, else the name of the field
	Index []int  // for reflect.Value.FieldByIndex
	Type  reflect.Type
	// Optional says that a value need not give it: the tag has the option optional, that of json omitempty.
	Optional bool
}

var fieldCache sync.Map // reflect.Type -> []Field; derived from types alone, so shared by all

// Fields lists the fields of a struct type in order, those of embedded structs in their place. A field tagged "-" is left out.
func Fields(t reflect.Type) []Field {
	if known, ok := fieldCache.Load(t); ok {
		return known.([]Field)
	}
	fields := collectFields(t, nil)
	fieldCache.Store(t, fields)
	return fields
}

func collectFields(t reflect.Type, index []int) []Field {
	var fields []Field
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int{}, index...), i)
		name, tagged, optional := fieldTag(f)
		switch {
		case name == "-":
		case f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct:
			fields = append(fields, collectFields(f.Type, at)...)
		case f.IsExported():
			fields = append(fields, Field{Name: name, Index: at, Type: f.Type, Optional: optional})
		}
	}
	return fields
}

func fieldTag(f reflect.StructField) (name string, tagged, optional bool) {
	name = f.Name
	for _, tag := range []struct{ key, option string }{{"kedge", "optional"}, {"json", "omitempty"}} {
		text, _ := f.Tag.Lookup(tag.key)
		named, options, _ := strings.Cut(text, ",")
		optional = optional || slices.Contains(strings.Split(options, ","), tag.option)
		if named != "" && !tagged {
			name, tagged = named, true
		}
	}
	return name, tagged, optional
}

// fieldNamed finds a field by its exact name, else, for a field without a tag, whatever the case and without underscores:
// test_size finds TestSize.
func fieldNamed(fields []Field, t reflect.Type, name string) (Field, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f, true
		}
	}
	loose := strings.ReplaceAll(name, "_", "")
	for _, f := range fields {
		if _, tagged, _ := fieldTag(t.FieldByIndex(f.Index)); !tagged && strings.EqualFold(f.Name, loose) {
			return f, true
		}
	}
	return Field{}, false
}

// FieldNamed finds the field of struct type t for a column or key: by exact name, else, for a field without a tag, whatever the
// case and without underscores.
func FieldNamed(t reflect.Type, name string) (Field, bool) { return fieldNamed(Fields(t), t, name) }
