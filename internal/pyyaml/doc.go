// Package pyyaml reads YAML as PyYAML and OmegaConf read it, and writes it as
// PyYAML's safe_dump does.
//
// The syntax tree comes from go.yaml.in/yaml; scalars are resolved here, because
// Python's rules differ from Go's: base 60, octal with a leading zero, underscores,
// integers of any size, "yes" and "on" as booleans, and so on (spec: config.md).
//
// Values are nil, bool, int, *big.Int (where int is too small), float64, string,
// []byte, time.Time (schema Safe only), []any and *Map.
package pyyaml
