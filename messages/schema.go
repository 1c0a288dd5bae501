package messages

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// SchemaVersion is the major version of the wire contract; it changes only when a
// reader of the former one could no longer read.
const SchemaVersion = "v1"

// Schemas gives the JSON Schema (draft 2020-12) of every message by file name, as it
// is kept in schema/. Requests refuse unknown fields, everything else allows them.
func Schemas() map[string][]byte {
	schemas := map[string][]byte{}
	for name, t := range map[string]reflect.Type{
		"run_request": reflect.TypeFor[RunRequest](),
		"run_result":  reflect.TypeFor[RunResult](),
		"run_error":   reflect.TypeFor[RunError](),
		"events":      reflect.TypeFor[[]Event](),
		"status":      reflect.TypeFor[Status](),
		"pause":       reflect.TypeFor[Pause](),
		"limits":      reflect.TypeFor[Limits](),
		"dead_letter": reflect.TypeFor[DeadLetter](),
		"worker":      reflect.TypeFor[Worker](),
		"schedule":    reflect.TypeFor[Schedule](),
	} {
		schema := schemaOf(t, t == reflect.TypeFor[RunRequest]())
		schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
		schema["$id"] = "https://kedge.run/schema/" + SchemaVersion + "/" + name + ".json"
		schema["title"] = cmp.Or(t.Name(), "Events") // a list has no name
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			// The schema is made of maps, slices and strings only.
			panic(err)
		}
		schemas[name+"."+SchemaVersion+".json"] = append(text, '\n')
	}
	return schemas
}

type schema = map[string]any

// closedLists are the named texts of which a request's reader knows all values. Others
// are append-only, so their schemas stay open.
func closedList(t reflect.Type) []string {
	if t != reflect.TypeFor[Priority]() {
		return nil
	}
	var all []string
	for _, p := range Priorities() {
		all = append(all, string(p))
	}
	return all
}

func schemaOf(t reflect.Type, strict bool) schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return schema{"type": "string", "format": "date-time"}
	case reflect.TypeFor[Duration]():
		return schema{"type": "string", "description": "a Go duration, for example 1m30s"}
	case reflect.TypeFor[json.RawMessage]():
		return schema{}
	case reflect.TypeFor[RunID]():
		return schema{"type": "string", "maxLength": MaxIDLength, "pattern": `^[A-Za-z0-9_.-]+$`}
	}
	if values := closedList(t); values != nil {
		return schema{"type": "string", "enum": values}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), strict)
	case reflect.Struct:
		return objectSchema(t, strict)
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": schemaOf(t.Elem(), strict)}
	case reflect.Slice:
		return schema{"type": "array", "items": schemaOf(t.Elem(), strict)}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return schema{"type": "integer"}
	case reflect.Uint64:
		return schema{"type": "integer", "minimum": 0}
	case reflect.Float64:
		return schema{"type": "number"}
	}
	return schema{} // any
}

func objectSchema(t reflect.Type, strict bool) schema {
	properties, required := schema{}, []string{}
	for _, field := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous || name == "" || name == "-" {
			continue
		}
		properties[name] = schemaOf(field.Type, strict)
		if !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	object := schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		slices.Sort(required)
		object["required"] = required
	}
	if strict {
		object["additionalProperties"] = false
	}
	return object
}
