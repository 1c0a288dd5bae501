// Package config loads layered configuration as Kedro's OmegaConfigLoader does: a base
// and a run environment, files matched by patterns, soft or destructive merging,
// globals, runtime parameters, and OmegaConf's interpolation with resolvers.
//
// A [Loader] belongs to one run. What is dear, walking folders and parsing files, is
// kept in a [Cache] that many loaders share.
package config
