// Package pyyaml reads YAML as PyYAML and OmegaConf read it, and writes it as
// PyYAML's safe_dump does.
//
// The syntax is that of libyaml, which PyYAML reads with: what is taken and refused, and
// the place of a mistake, which Kedro prints. Scalars have Python's rules: base 60, octal
// with a leading zero, underscores, integers of any size, "yes" and "on" as booleans, and
// so on (spec: config.md).
//
// Values are nil, bool, int, *big.Int (where int is too small), float64, string,
// []byte, time.Time (schema Safe, or a tag), []any, *Map, and Set (a tag in schema OmegaConf).
package pyyaml
