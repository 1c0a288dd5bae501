// Package mask hides credentials in texts that people read: descriptions of datasets, logs, errors, events.
//
// URL works on structure and needs no knowledge of the secrets; Secrets knows the secret values and removes them
// wherever they stand.
package mask

// Text is what stands in the place of something hidden.
const Text = "<redacted>"
